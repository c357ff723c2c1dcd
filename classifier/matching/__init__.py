"""The rule book and spaCy's matchers over it."""
