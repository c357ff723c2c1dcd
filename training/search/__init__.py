"""Recipes tried on the same drafts, each trial kept."""
