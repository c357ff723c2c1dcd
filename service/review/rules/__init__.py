"""The rules desk of leads."""
