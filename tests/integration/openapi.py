"""Writes service/openapi.json anew: `python -m tests.integration.openapi`."""

import json
import tempfile
from pathlib import Path

from service.app import create_app
from tests.service.running import settings_for

DOCUMENT = Path(__file__).parent.parent.parent / "service" / "openapi.json"


def described(home: Path) -> str:
    """The OpenAPI document of the service as it is."""
    return json.dumps(create_app(settings_for(home)).openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        DOCUMENT.write_text(described(Path(home)), "utf-8")
