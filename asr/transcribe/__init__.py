"""Audio files to text."""
