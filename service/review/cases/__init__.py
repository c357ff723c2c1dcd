"""A case's life: state, claims, decisions, second readings."""
