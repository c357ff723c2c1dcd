"""Reviewed cases as labelled tickets."""
