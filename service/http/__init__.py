"""What every request passes: middleware, API keys, errors."""
