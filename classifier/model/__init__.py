"""The fitted models that serve: linear tables, the small encoder, and how their scores combine."""
