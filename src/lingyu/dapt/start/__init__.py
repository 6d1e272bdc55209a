"""What a new encoder starts from: a vocabulary, first weights, or layers of a teacher."""
