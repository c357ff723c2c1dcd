"""The demonstration: a key, a reviewer and a pass key, made once in the home folder and printed once."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from service.http.api_keys import make_key
from service.passes import new_key
from service.settings import Settings
from service.storage.database import Database
from service.storage.keys import ApiKeys
from service.storage.users import Users

REVIEWER, LEAD = "reviewer", "lead"
_SECRETS = "demo-secrets"


def prepare(settings: Settings, tell: Callable[[str], None]) -> Settings:
    """The settings of the demonstration. Calls `tell` with each new secret, which is never shown again; where all were
    made before, with where to find them."""
    settings.home.mkdir(parents=True, exist_ok=True)
    known = _read(settings.home / _SECRETS)
    brought = settings.demo_key.get_secret_value() if settings.demo_key else ""
    pass_keys = settings.pass_keys.get_secret_value() or known.get("pass_keys") or new_key()
    key = brought or known.get("key") or make_key().secret
    _write(settings.home / _SECRETS, {"pass_keys": pass_keys, "key": key})
    said: list[str] = []
    database = Database(settings.database())
    try:
        database.migrate()
        _ensure_key(database, key, said.append)
        _ensure_users(database, said.append)
    finally:
        database.close()
    for line in said or _again(settings.home):
        tell(line)
    return settings.model_copy(update={"demo": True, "demo_key": SecretStr(key), "pass_keys": SecretStr(pass_keys)})


def _again(home: Path) -> tuple[str, ...]:
    return (
        f"Demonstration key:       in {home / _SECRETS}, as printed at the first start",
        f"Demonstration people:    {REVIEWER} and {LEAD}, with the passwords printed then; a new one:"
        f" `draft-screening users password {REVIEWER}`",
    )


def _ensure_key(database: Database, secret: str, tell: Callable[[str], None]) -> None:
    new = make_key(secret)
    with database.writing() as session:
        keys = ApiKeys(session)
        if keys.find(new.prefix) is None:
            keys.add("demo", new.prefix, new.key_hash, frozenset({"screen"}), datetime.now(UTC), None)
            tell(f"Demonstration key:       {secret}")


def _ensure_users(database: Database, tell: Callable[[str], None]) -> None:
    with database.writing() as session:
        users = Users(session)
        for name, role in ((REVIEWER, "reviewer"), (LEAD, "lead")):
            if users.get(name) is None:
                password = secrets.token_urlsafe(9)
                users.add(name, role, password, datetime.now(UTC))
                tell(f"{'Demonstration ' + role + ':':<24} {name} / {password}")


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _write(path: Path, values: dict[str, str]) -> None:
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
