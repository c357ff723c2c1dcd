"""News for Gateway: what the outbox holds, signed and sent until it arrived."""
