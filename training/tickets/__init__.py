"""Labelled tickets in and out, checked, deduplicated and split."""
