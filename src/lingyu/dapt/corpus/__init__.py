"""The text that is learnt: found, gated, held out, segmented and tokenised once, on disk."""
