"""How good a model is, and than which it is better."""
