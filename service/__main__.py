"""`python -m service …`: the commands are in `service.operators.command`."""

from service.lasting import lasting


def main() -> None:
    """Run the command of this process's arguments."""
    with lasting():
        from service.operators.command import app
    app()


if __name__ == "__main__":
    main()
