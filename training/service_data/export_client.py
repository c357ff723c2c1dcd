"""Reviewed tickets from the export of a running service, which holds the keys to text that is encrypted at rest."""

import httpx


class ServiceError(ValueError):
    """The service's store or export cannot be read; the text says why, and holds no draft."""


def fetch_export(url: str, key: str) -> str:
    """Reviewed tickets as JSONL from a running service's export. Raises ServiceError with the status it answered."""
    address = url if "/review/" in url else url.rstrip("/") + "/review/export?format=jsonl"
    try:
        answer = httpx.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=120)
    except httpx.HTTPError as error:
        raise ServiceError(f"the service cannot be reached: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise ServiceError(f"the service answered {answer.status_code}; the key needs the right review-export")
    return answer.text
