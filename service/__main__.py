"""`draft-screening …`, or `python -m service …`: the commands are in `service.cli.commands`."""

import sys

from service.garbage_collection import startup_freeze


def main() -> None:
    """Run the command of this process's arguments."""
    try:
        with startup_freeze():
            from service.cli.commands import app
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed; serving needs: pip install 'draft-screening[service]'")
    app()


if __name__ == "__main__":
    main()
