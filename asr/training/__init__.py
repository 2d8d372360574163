"""Learning: one visible loop, exact gradient sums, checkpoints that resume bit for bit."""
