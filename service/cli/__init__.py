"""What operators do: keys, users, orders, passes, backup, restore, purge, check."""
