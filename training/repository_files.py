"""Folders of the repository that training reads: in a checkout where they are, in an installation from the wheel."""

from pathlib import Path


def repository_path(name: str) -> Path:
    """A file or folder by its path in the repository, such as `data/drafts`."""
    here = Path(__file__).parent
    checkout = here.parent / name
    return checkout if checkout.exists() else here / "repository" / name
