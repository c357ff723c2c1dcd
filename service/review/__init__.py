"""The review console: what a person does with a stored screening that awaits one."""
