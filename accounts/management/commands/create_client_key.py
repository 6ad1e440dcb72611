"""`manage.py create_client_key DOMAIN NAME`: a key for one client, shown once."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, transaction

from accounts.management.expiry import BadExpiry, expiry_of
from accounts.models import ClientKey, Domain

HELP = """Make a key that opens one domain of Nexus, and print it, this once: only its hash is kept. The key alone goes to
the standard output, so that it can be piped; everything else goes to the standard error. From its first key on a domain
demands one of every client. Ends with 0 when the key was made, 1 when it could not be, 2 for a wrong command line."""


class Command(BaseCommand):
    """Issue one key."""

    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domain", help="the host that clients call, or a wildcard such as *.example.com")
        parser.add_argument("name", help="how people call the key, e.g. who or what uses it")
        parser.add_argument("--owner", default="", help="who is to be asked about it")
        parser.add_argument(
            "--expires",
            default="",
            metavar="WHEN",
            help="a span such as 90d, 12h or 8w, or a date as 2027-01-31 (UTC)",
        )
        parser.add_argument(
            "--test", action="store_true", help="start it with cnp_test_ in place of cnp_live_"
        )
        parser.add_argument(
            "--create-domain",
            action="store_true",
            help="add the domain if Nexus's database does not have it yet",
        )
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object, with the key in `key`"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.style_func = None  # what is written there is no error
        try:
            expires_at = expiry_of(options["expires"], datetime.now(UTC))
        except BadExpiry as error:
            raise CommandError(f"--expires: {error}.", returncode=2) from error
        try:
            with transaction.atomic():
                domain = self._domain(options["domain"], create=options["create_domain"])
                row = ClientKey(
                    domain=domain, name=options["name"], owner=options["owner"], expires_at=expires_at
                )
                _check(row)
                key = row.issue(test=options["test"])
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"PostgreSQL does not answer, so no key was made ({str(error).strip()})."
            ) from error
        self._report(row)
        self.stdout.write(json.dumps(_data(row, key)) if options["json"] else key)

    def _domain(self, name: str, *, create: bool) -> Domain:
        if found := Domain.objects.filter(name=name).first():
            return found
        if not create:
            raise CommandError(
                f"Nexus's database has no domain {name}. Check the name, or add it with --create-domain: also for a domain that "
                "has only a credential file. (A new name takes nothing from a wildcard.)"
            )
        domain = Domain(name=name)
        _check(domain)
        domain.save()
        self.stderr.write(f"Added the domain {name}.")
        return domain

    def _report(self, row: ClientKey) -> None:
        until = f"until {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else "until it is revoked"
        self.stderr.write(
            f"The key {row.name} (…{row.hint}) opens {row.domain} {until}. Keep it now: it is not shown again. Proxies take it "
            "within 2 seconds, in x-api-key or Authorization: Bearer."
        )


def _check(row: Domain | ClientKey) -> None:
    try:
        row.full_clean(exclude=["digest", "hint"])
    except ValidationError as error:
        raise CommandError(" ".join(error.messages), returncode=2) from error


def _data(row: ClientKey, key: str) -> dict[str, object]:
    return {
        "key": key,
        "id": row.pk,
        "domain": row.domain.name,
        "name": row.name,
        "owner": row.owner,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }
