"""POST /screen and what follows from it."""
