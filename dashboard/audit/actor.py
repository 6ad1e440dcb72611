"""Who acts now: the user of a request, or a command of `manage.py`. Where nobody does, as in proxy and worker, nothing is kept."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

if TYPE_CHECKING:  # commands begin before models are loaded
    from dashboard.models import AuditEntry

COMMAND, ADMIN = "command", "admin"
# What brings the database up to date writes rows before the table of entries may be there.
_SILENT = frozenset({"migrate", "flush", "makemigrations", "check", "test"})


@dataclass(slots=True)
class Actor:
    """`who` is a user's name or "command", `via` says by what; `kept` are the entries of this request, by kind and id."""

    who: str
    via: str
    kept: dict[tuple[str, str], "AuditEntry"] = field(default_factory=dict)


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


def acting() -> Actor | None:
    """Who acts in this request or command."""
    return _acting.get()


@contextmanager
def as_command(name: str) -> Iterator[None]:
    """Within it a command acts, for the user of the operating system who runs it."""
    token = _acting.set(None if name in _SILENT else Actor(COMMAND, f"manage.py {name} by {_system_user()}"))
    try:
        yield
    finally:
        _acting.reset(token)


class ActorMiddleware(MiddlewareMixin):
    """A request that may change something acts for its user."""

    def process_request(self, request: HttpRequest) -> None:
        if request.method not in ("GET", "HEAD", "OPTIONS") and request.user.is_authenticated:
            _acting.set(Actor(request.user.get_username(), ADMIN))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        _acting.set(None)
        return response


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "an unnamed user"
