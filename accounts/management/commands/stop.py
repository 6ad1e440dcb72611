"""`manage.py stop`: end a session or a request, list what is stopped, and lift that again."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from accounts import stopping
from accounts.models import Stop
from accounts.stopping import NotStopped, Target

HELP = """Stop a runaway agent: `add` ends what a session of a domain has under way and refuses its next requests for a time, or
ends one request; `list` shows which sessions are stopped; `lift` lets a session go on. Proxies follow within a second, without
Redis within two. The audit names the user of --by. Ends with 0 when it is done, 1 when it could not be (no such stop or
user, PostgreSQL away), 2 for a wrong command line. Example: manage.py stop add api.example.com 4be1… --minutes 60 --by ann"""
NO_USER = (
    "{name} is no active user who may stop streams: give the permission “stop_streams” in the admin, under Users, "
    "or make a user with manage.py set_operator."
)


class Command(BaseCommand):
    """Stop, list, lift."""

    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="list|add|lift")
        shown = actions.add_parser("list", help="sessions that are stopped now, the newest first")
        shown.add_argument("domain", nargs="?", default="", help="only of this domain")
        add = actions.add_parser("add", help="stop a session for a time, or one request")
        add.add_argument("domain", help="the host that the client calls, as the dashboard shows it")
        what = add.add_mutually_exclusive_group(required=True)
        what.add_argument("session", nargs="?", default="", help="the id of the session")
        what.add_argument("--request", type=UUID, metavar="ID", help="this request alone, by its x-nexus-id")
        add.add_argument("--minutes", type=int, default=60, help="how long, up to 10080 (default: 60)")
        lift = actions.add_parser("lift", help="end a stop before its time")
        lift.add_argument("number", type=int, help="the stop's number, as list shows it")
        for changing in (add, lift):
            changing.add_argument(
                "--by", required=True, metavar="NAME", help="the user who does it, for the audit"
            )
        for parser_of_action in (shown, add, lift):
            parser_of_action.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        given = Namespace(**options)
        actions: dict[str, Callable[[Namespace], list[Stop]]] = {"list": _list, "add": _add, "lift": _lift}
        try:
            rows = actions[given.action](given)
        except NotStopped as error:
            raise CommandError(str(error)) from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"PostgreSQL does not answer ({str(error).strip()}).") from error
        if given.json:
            self.stdout.write(json.dumps({"stops": [_data(row) for row in rows]}, indent=2))
            return
        for row in rows:
            self.stdout.write(_line(row))
        if not rows:
            self.stdout.write("No session is stopped.")


def _list(given: Namespace) -> list[Stop]:
    return stopping.active(timezone.now(), given.domain)


def _add(given: Namespace) -> list[Stop]:
    target = Target(given.domain, given.session or "", given.request)
    return [stopping.stop(target, given.minutes, _user(given.by))]


def _lift(given: Namespace) -> list[Stop]:
    return [stopping.lift(given.number, _user(given.by))]


def _user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None or not user.has_perm(stopping.PERMISSION):
        raise NotStopped(NO_USER.format(name=name))
    return user


def _data(row: Stop) -> dict[str, object]:
    return {
        "id": row.pk,
        "domain": row.domain,
        "session_id": row.session_id or None,
        "request_id": str(row.exchange_id) if row.exchange_id else None,
        "until": row.until.isoformat(),
        "stopped_at": row.stopped_at.isoformat(),
        "stopped_by": row.stopped_by,
        "lifted_at": row.lifted_at.isoformat() if row.lifted_at else None,
        "lifted_by": row.lifted_by or None,
    }


def _line(row: Stop) -> str:
    if row.lifted_at:
        return f"{row.pk}  {row}, lifted by {row.lifted_by}"
    until = "" if row.exchange_id else f" until {row.until:%Y-%m-%d %H:%M} UTC"
    return f"{row.pk}  {row}, stopped by {row.stopped_by}{until}"
