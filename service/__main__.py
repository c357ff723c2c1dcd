"""`python -m service …`: the commands are in `service.cli.commands`."""

from service.garbage_collection import startup_freeze


def main() -> None:
    """Run the command of this process's arguments."""
    with startup_freeze():
        from service.cli.commands import app
    app()


if __name__ == "__main__":
    main()
