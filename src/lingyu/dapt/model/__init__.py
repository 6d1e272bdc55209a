"""What learns: an encoder on flat batches with its heads; loading, saving, LoRA, a teacher."""
