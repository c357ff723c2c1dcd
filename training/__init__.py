"""How a model comes to be: tickets, split, fit, thresholds, evaluation, registry."""
