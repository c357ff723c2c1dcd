"""The store: SQLAlchemy and nothing else. It imports no feature; features import it."""
