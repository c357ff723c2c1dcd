"""The queue: its page, filters, saved views and bulk decisions."""
