"""Signing in to the desk, sessions and roles."""
