"""The contract of the HTTP interface, line by line, against any deployment. Needs httpx and nothing else of ours."""
