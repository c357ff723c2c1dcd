"""What runs here, for people and for Prometheus."""
