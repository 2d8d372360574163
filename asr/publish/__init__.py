"""A run for others: a folder that carries its own description, as RO-Crate and Croissant."""
