"""Corpora that others have published, a file each: what its docstring says of it, and how its folder is read."""
