"""Several recognisers as one: their log-probs averaged, or their words put to the vote."""
