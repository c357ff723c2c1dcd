"""The design tokens that the compose page, the review desk and the plots share."""

import re
from pathlib import Path
from typing import Literal

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
TOKENS_CSS = Path(__file__).with_name("tokens.css").read_text("utf-8")
"""The tokens as CSS; each page's style sheet is served after them."""

_TOKEN = re.compile(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);")


def colours(theme: Theme) -> dict[str, str]:
    """The colours of a theme by the name of their token."""
    return {name: light if theme == "light" else dark for name, light, dark in _TOKEN.findall(TOKENS_CSS)}
