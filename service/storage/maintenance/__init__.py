"""Backup, restore, retention and integrity of the store."""
