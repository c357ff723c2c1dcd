"""What is known of an order: nothing, a table that operators load, or CommerceInterface."""
