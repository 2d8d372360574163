"""Recognisers side by side: the same audio, the same text rules, and a test that says which differences are real."""
