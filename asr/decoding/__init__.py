"""From log-probabilities to tokens. A decoder takes a (frames, tokens) matrix and knows no model."""
