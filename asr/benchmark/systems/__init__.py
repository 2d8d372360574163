"""The recognisers that a benchmark knows: one module a kind, each with its keys and its system."""
