"""A search over keys of a recipe: many trainings, judged on development data, and the record that they leave."""
