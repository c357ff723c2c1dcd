"""`draft-screening …`, or `python -m service …`: the commands are in `service.cli.commands`."""

import sys


def main() -> None:
    """Run the command of this process's arguments."""
    if sys.version_info[:2] != (3, 11):  # before anything is imported that an older one cannot read
        is_on = ".".join(map(str, sys.version_info[:2]))
        sys.exit(f"This needs Python 3.11 and runs on {is_on}: `python3.11 -m venv` makes an environment for it")
    try:
        from service.garbage_collection import startup_freeze

        with startup_freeze():
            from service.cli.commands import app
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed; serving needs: pip install 'draft-screening[service]'")
    app()


if __name__ == "__main__":
    main()
