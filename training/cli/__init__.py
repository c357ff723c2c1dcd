"""The data scientists' command line: each file a group of commands, none of them more than wiring."""
