"""What a model makes of a split: hypotheses beside references, and their score."""
