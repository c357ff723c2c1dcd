"""The models that serve, and the threads that run them within a time budget."""
