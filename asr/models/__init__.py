"""Models at hand: what there is, whether it is whole, and one file of it to carry elsewhere."""
