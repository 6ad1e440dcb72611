"""`manage.py pin`: what retention keeps whatever its age."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from proxy.store.models import Pin


class Command(BaseCommand):
    """Pin exchanges or a session, take pins away, list them."""

    help = (
        "Pin exchanges by their ids (x-nexus-id), or a session with all its exchanges, also those that come later: they survive "
        "RETENTION_BODIES_DAYS and RETENTION_METADATA_DAYS with their bodies. --remove takes pins away, and the next run of "
        "retention drops what is past its time; --list shows them. The admin does the same under Pins. Exit code 1: something "
        "named is not stored, or not pinned; then nothing was changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("exchanges", nargs="*", type=UUID, metavar="EXCHANGE", help="id of an exchange")
        parser.add_argument("--session", default="", help="id of a session; needs --domain")
        parser.add_argument("--domain", default="", help="domain of the session")
        parser.add_argument("--note", default="", help="why it is kept")
        parser.add_argument("--remove", action="store_true", help="take the pins away")
        parser.add_argument("--list", action="store_true", help="show all pins")
        parser.add_argument("--json", action="store_true", help="show them as JSON")

    def handle(self, *args: Any, exchanges: list[UUID], **options: Any) -> None:
        session, domain = options["session"], options["domain"]
        if bool(session) != bool(domain) or not (exchanges or session or options["list"]):
            raise CommandError(
                "Name exchanges, or a session with --session and --domain, or ask for --list.", returncode=2
            )
        named: list[dict[str, Any]] = [{"exchange": exchange} for exchange in exchanges]
        if session:
            named.append({"session_id": session, "domain": domain})
        with transaction.atomic():
            for target in named:
                reported = _remove(target) if options["remove"] else _add(target, options["note"])
                self.stdout.write(reported)
        if options["list"]:
            self._list(as_json=options["json"])

    def _list(self, *, as_json: bool) -> None:
        pins = list(Pin.objects.all())
        if as_json:
            self.stdout.write(json.dumps({"pins": [_data(pin) for pin in pins]}, indent=2))
            return
        for pin in pins:
            self.stdout.write(f"{pin.created_at:%Y-%m-%d}  {pin}  {pin.note}".rstrip())
        if not pins:
            self.stdout.write("Nothing is pinned.")


def _add(target: dict[str, Any], note: str) -> str:
    found = Pin.objects.filter(**target).first()
    if found:
        return f"{found} is pinned already."
    pin = Pin(**target, note=note, created_by="manage.py")
    try:
        pin.full_clean()
    except ValidationError as error:
        raise CommandError(f"{pin}: {' '.join(error.messages)}") from error
    pin.save()
    return f"{pin} is pinned."


def _remove(target: dict[str, Any]) -> str:
    found = Pin.objects.filter(**target).first()
    if found is None:
        raise CommandError(f"{Pin(**target)} is not pinned; --list shows what is.")
    reported = f"{found} is no longer pinned."
    found.delete()
    return reported


def _data(pin: Pin) -> dict[str, object]:
    return {
        "exchange": str(pin.exchange) if pin.exchange else None,
        "sessionId": pin.session_id or None,
        "domain": pin.domain or None,
        "note": pin.note,
        "createdAt": pin.created_at.isoformat(),
        "createdBy": pin.created_by,
    }
