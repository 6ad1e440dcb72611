"""`<CREDENTIALS_DIR>/<domain>.credentials.json`: read whole and written atomically.

The format is the predecessor's (docs/predecessor.md#credential-files). `_wildcard.<parent>.credentials.json` stands for
`*.<parent>`.

Only a regular file counts. It may be a link within its folder, as Kubernetes mounts secrets, and never one that leads out of
it.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from stat import S_IRGRP, S_IROTH
from typing import Any

from accounts.access.hosts import BadHost
from accounts.access.wildcards import FILE_PREFIX, PREFIX, parse_domain
from accounts.credentials import dead_tokens
from accounts.credentials.dead_tokens import DeadToken
from accounts.secrets import atomic_file

SUFFIX = ".credentials.json"
MAX_BYTES = 1024 * 1024


class BadCredentialFile(ValueError):
    """The file cannot be used; the message says what is missing, never a value of it."""


@dataclass(frozen=True, slots=True)
class FileSlack:
    """The file's `slack` object."""

    webhook_url: str
    channel: str
    username: str
    icon_emoji: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """One credential file. `kind` tells which counts: `api_key`, or `access_token` and `refresh_token` (one may be "").

    `dead` is the note about its refresh token, None while that can be used.
    """

    path: Path
    kind: str
    account_id: str
    api_key: str
    access_token: str
    refresh_token: str
    expires_at: datetime | None
    scopes: tuple[str, ...]
    is_max: bool
    client_api_key: str
    slack: FileSlack | None
    dead: DeadToken | None = None


def domain_of(path: Path) -> str | None:
    """The domain that a file's name stands for, a wildcard's included; None where it is none (nothing of it is served)."""
    name = path.name.removesuffix(SUFFIX)
    if name.startswith(FILE_PREFIX):
        name = PREFIX + name.removeprefix(FILE_PREFIX)
    try:
        return parse_domain(name) if path.name.endswith(SUFFIX) else None
    except BadHost:
        return None


def name_of(domain: str) -> str:
    """The name of a domain's file."""
    is_wildcard = domain.startswith(PREFIX)
    return f"{FILE_PREFIX + domain.removeprefix(PREFIX) if is_wildcard else domain}{SUFFIX}"


def exposed(path: Path) -> str:
    """The command that closes a file which others than its owner may read, "" where there is nothing to close."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    # Of a link the file that it leads to.
    return f"chmod 600 {shlex.quote(str(path))}" if mode & (S_IRGRP | S_IROTH) else ""


def read(path: Path) -> CredentialFile:
    """Read and check one file; raises BadCredentialFile with what to fix."""
    return _checked(path, document(path))


def document(path: Path) -> dict[str, Any]:
    """All that stands in a file, unchecked; raises BadCredentialFile where it is no JSON object."""
    try:
        content = _content(path)
    except OSError as error:
        raise BadCredentialFile(f"it cannot be read ({error.strerror})") from error
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        # Without its cause: a decoder's message shows bytes of the file.
        raise BadCredentialFile("it is not JSON in UTF-8") from None
    if not isinstance(data, dict):
        raise BadCredentialFile("it is not a JSON object")
    return data


def _content(path: Path) -> bytes:
    real = path.resolve()
    if not real.is_relative_to(path.parent.resolve()):
        raise BadCredentialFile("it is a link that leads out of its folder")
    # A pipe would keep the reader waiting, and every other change of credentials with it.
    if real.exists() and not real.is_file():
        raise BadCredentialFile("it is not a regular file")
    with real.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadCredentialFile("it is larger than 1 MiB")
    return content


def _checked(path: Path, data: dict[str, Any]) -> CredentialFile:
    kind = _text(data, "type")
    oauth = _object(data, "oauth")
    if kind not in {"api_key", "oauth"}:
        raise BadCredentialFile('"type" must be "api_key" or "oauth"')
    if kind == "api_key" and not _text(data, "api_key"):
        raise BadCredentialFile('"api_key" is missing')
    if kind == "oauth" and not (_text(oauth, "accessToken") or _text(oauth, "refreshToken")):
        raise BadCredentialFile('"oauth" needs "accessToken" or "refreshToken"')
    refresh_token = _text(oauth, "refreshToken")
    return CredentialFile(
        path=path,
        kind=kind,
        account_id=_text(data, "accountId"),
        api_key=_text(data, "api_key"),
        access_token=_text(oauth, "accessToken"),
        refresh_token=refresh_token,
        expires_at=_moment(oauth.get("expiresAt")),
        scopes=_words(oauth.get("scopes")),
        is_max=bool(oauth.get("isMax")),
        client_api_key=_text(data, "client_api_key"),
        slack=_slack(data.get("slack")),
        dead=dead_tokens.find(path, refresh_token) if kind == "oauth" else None,
    )


def _object(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadCredentialFile(f'"{key}" must be a string')
    return value.strip()


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def _moment(value: object) -> datetime | None:
    """`expiresAt` counts milliseconds since 1970; without it a token is taken to live until the API refuses it."""
    if value is None:
        return None
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        pass  # refused below, like what is no number
    raise BadCredentialFile('"expiresAt" must count milliseconds since 1970')


def _slack(data: object) -> FileSlack | None:
    if not isinstance(data, dict):
        return None
    return FileSlack(
        webhook_url=_text(data, "webhook_url"),
        channel=_text(data, "channel"),
        username=_text(data, "username"),
        icon_emoji=_text(data, "icon_emoji"),
        enabled=data.get("enabled", True) is not False,
    )


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a credential file's lock against every process of this machine (a sibling file, as the file itself is replaced).

    Who does not `wait` gets BlockingIOError where another process holds it.
    """
    with path.with_name(f".{path.name}.lock").open("a") as file:
        flock(file, LOCK_EX if wait else LOCK_EX | LOCK_NB)
        yield


def write_tokens(
    path: Path, access_token: str, refresh_token: str, expires_at: datetime, scopes: list[str]
) -> None:
    """Put a new pair into the file, or the file that it links to; what else stands in it is kept, a note of a dead token goes.

    The caller holds the lock. Raises OSError, and the old file stays, whole.
    """
    data = document(path)
    data["oauth"] = {
        **_object(data, "oauth"),
        "accessToken": access_token,
        "refreshToken": refresh_token,
        "expiresAt": round(expires_at.timestamp() * 1000),
        "scopes": scopes,
    }
    content = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    atomic_file.write(path.resolve(), content.encode())
    dead_tokens.forget(path)
