"""What a step sees: words masked, sentences shuffled, texts packed; all of it computed from seed, epoch and text."""
