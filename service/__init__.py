"""How the world reaches the classifier: HTTP, storage, the reviewers' console and the compose box."""
