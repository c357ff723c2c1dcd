"""Screenings in the store: writing, reading, searching."""
