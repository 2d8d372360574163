"""Speech to text while it is spoken."""
