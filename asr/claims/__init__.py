"""Which claims of a record hold."""
