"""What the wheel holds beside the packages: the labelled drafts and the golden set, under training/repository."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("data", "tests/golden")


class RepositoryFiles(BuildHookInterface[Any]):
    """Adds them to a wheel; an editable installation reads them where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each build."""
        if version == "standard":
            build_data["force_include"] |= {folder: f"training/repository/{folder}" for folder in FOLDERS}
