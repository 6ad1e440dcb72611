"""`manage.py invite EMAIL`: a link by which somebody makes a user of their own, shown once."""

import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import InterfaceError, OperationalError

from accounts import invitations
from accounts.invitations import NotInvited

HELP = """Invite somebody to the dashboard, and print the link, this once: only its hash is kept. Whoever has it sets a password, or
signs in by OpenID Connect with the same e-mail address, once and within 72 hours. The link alone goes to the standard output;
everything else goes to the standard error. Ends with 0 when it was made, 1 when it could not be, 2 for a wrong command line."""


class Command(BaseCommand):
    """Invite one person."""

    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the address of the invited; it becomes the user's name as well")
        parser.add_argument(
            "--group",
            action="append",
            default=[],
            metavar="NAME",
            help="a group that the user gets, such as analyst; repeatable",
        )
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object, with the link in `link`"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.style_func = None  # what is written there is no error
        try:
            validate_email(options["email"])
            row, secret = invitations.invite(options["email"], _groups(options["group"]), None)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=2) from error
        except NotInvited as error:
            raise CommandError(str(error)) from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"PostgreSQL does not answer, so nobody was invited ({str(error).strip()})."
            ) from error
        address = invitations.address(secret)
        self.stderr.write(
            f"{row.email} can accept until {row.expires_at:%Y-%m-%d %H:%M} UTC. The link is not shown again."
        )
        shown = {
            "link": address,
            "id": row.pk,
            "email": row.email,
            "groups": row.groups,
            "expires_at": row.expires_at.isoformat(),
        }
        self.stdout.write(json.dumps(shown) if options["json"] else address)


def _groups(names: list[str]) -> list[Group]:
    found = {group.name: group for group in Group.objects.filter(name__in=names)}
    if missing := sorted(set(names) - found.keys()):
        raise CommandError(
            f"There is no group {', '.join(missing)}: make it in the admin, or check the name.", returncode=2
        )
    return list(found.values())
