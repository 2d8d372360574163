"""Runs as a page that people look at: results, learning, data, errors, what the model makes of the sound."""
