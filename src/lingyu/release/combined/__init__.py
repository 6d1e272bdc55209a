"""Several adapters made one: the average of what they change, as a version of its own."""
