"""What leaves the house: an adapter merged into its base, several adapters made one, graphs. Each proves itself."""
