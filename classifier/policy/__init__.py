"""The judge: evidence to verdict, and the wording of its findings."""
