"""Fine-tuning the small encoder; needs the extra `encoder`."""
