"""A note beside a credential file whose refresh token was refused for ever, as `state` and `last_error` say it of a row.

`.<name>.needs_login` holds a digest of that token and never the token: with another one in the file the note is void.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from django.utils import timezone

from accounts.secrets import atomic_file


@dataclass(frozen=True, slots=True)
class DeadToken:
    """`digest`: SHA-256 of the refresh token, in hex; `since`: ISO 8601 in UTC; `why` as the refresh failed."""

    digest: str
    why: str
    since: str


def note(path: Path, refresh_token: str, why: str) -> None:
    """Keep that the file's refresh token is dead; raises OSError."""
    since = timezone.now().isoformat(timespec="seconds")
    dead = DeadToken(_digest(refresh_token), why, since)
    atomic_file.write(_beside(path), json.dumps(asdict(dead)).encode())


def find(path: Path, refresh_token: str) -> DeadToken | None:
    """The note about this very token of the file; None where there is none, it is about another one, or cannot be read."""
    try:
        dead = DeadToken(**json.loads(_beside(path).read_bytes()))
    except (OSError, ValueError, TypeError):  # ValueError: no JSON; TypeError: no note of ours
        return None
    return dead if refresh_token and dead.digest == _digest(refresh_token) else None


def changed_at(path: Path) -> int:
    """When the note beside the file last changed, in ns; 0 without one."""
    try:
        return _beside(path).stat().st_ctime_ns
    except OSError:
        return 0


def forget(path: Path) -> None:
    """The file holds another token. A note that cannot be removed is void all the same."""
    try:
        _beside(path).unlink(missing_ok=True)
    except OSError:
        pass


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.needs_login")


def _digest(refresh_token: str) -> str:
    return sha256(refresh_token.encode("utf-8", "surrogatepass")).hexdigest()
