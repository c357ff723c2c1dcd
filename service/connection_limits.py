"""What one worker grants its connections."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bytes and number of the headers of a request, seconds for its head and its body, and the most connections."""

    header_bytes: int = 32_768
    headers: int = 100
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    connections: int = 800
