"""What is known of one merchant, and of one template."""
