"""A run from corpus to word error rate, and the record that it leaves."""
