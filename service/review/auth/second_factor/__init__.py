"""The second factor of passwords: asked for at the sign-in, looked after by its owner."""
