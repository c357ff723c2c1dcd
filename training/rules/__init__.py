"""Rules on labelled and stored drafts: reports and back-tests."""
