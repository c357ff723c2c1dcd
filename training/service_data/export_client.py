"""Read reviewed tickets from the export of a running service, which has the keys to text that is encrypted at rest."""

import httpx


class ServiceDataError(ValueError):
    """The service's database or export cannot be read; the text says why, and contains no draft."""


def fetch_export(url: str, key: str) -> str:
    """Reviewed tickets as JSONL from a running service's export. Raises ServiceDataError with the status code."""
    address = url if "/review/" in url else url.rstrip("/") + "/review/export?format=jsonl"
    try:
        answer = httpx.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=120)
    except httpx.HTTPError as error:
        raise ServiceDataError(f"the service cannot be reached: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise ServiceDataError(f"the service answered {answer.status_code}; the key needs the right review-export")
    return answer.text
