"""What the workbench reads from a running service, and the queue entries it writes there."""
