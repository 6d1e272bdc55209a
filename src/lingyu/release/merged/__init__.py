"""An adapter merged into its base: one model that transformers loads alone, with a certificate."""
