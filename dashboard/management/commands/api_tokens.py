"""`manage.py api_tokens create|list|revoke`: keys of programs to the dashboard's API."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.management.expiry import BadExpiry, expiry_of
from dashboard.access import tokens
from dashboard.models import ApiToken

HELP = """Make, list and revoke API tokens, with which programs read the dashboard's API as their owner: of what the owner may see,
in the domains that the owner sees. `create` prints the token alone to the standard output, this once: only its hash is kept.
Ends with 0 when it is done, 1 when there is no such user or token, 2 for a wrong command line."""


class Command(BaseCommand):
    """Each action is a method of its name."""

    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a token and print it")
        create.add_argument("owner", help="the user as whom the program reads")
        create.add_argument("name", help="what the token is for")
        create.add_argument(
            "--scope",
            action="append",
            choices=ApiToken.Scope.values,
            help="what it opens; may be given more than once, figures without",
        )
        create.add_argument(
            "--expires", default="", metavar="WHEN", help="a span such as 90d, 12h or 8w, or a date (UTC)"
        )
        listing = actions.add_parser("list", help="list all tokens, the newest first")
        revoke = actions.add_parser("revoke", help="let a token open nothing from now on")
        revoke.add_argument("id", type=int, help="its number, as `list` has it")
        for action in (create, listing, revoke):
            action.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        self.stderr.style_func = None  # what is written there is no error
        getattr(self, f"_{action}")(options)

    def _create(self, options: dict[str, Any]) -> None:
        owner = User.objects.filter(username=options["owner"]).first()
        if owner is None:
            raise CommandError(
                f"There is no user {options['owner']}: make one in the admin, or by set_operator."
            )
        try:
            expires_at = expiry_of(options["expires"], datetime.now(UTC))
            row, token = tokens.create(owner, options["name"], options["scope"] or ["figures"], expires_at)
        except BadExpiry as error:
            raise CommandError(f"--expires: {error}.", returncode=2) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=2) from error
        self.stderr.write(f"Token {row.pk}, {row}. Keep it now: it is not shown again.")
        self.stdout.write(json.dumps(_data(row) | {"token": token}) if options["json"] else token)

    def _list(self, options: dict[str, Any]) -> None:
        rows = [_data(row) for row in ApiToken.objects.select_related("owner").order_by("-pk")]
        if options["json"]:
            self.stdout.write(json.dumps({"tokens": rows}))
            return
        for row in rows:
            words = (
                row["id"],
                row["state"],
                row["name"],
                row["owner"],
                ",".join(row["scopes"]),
                row["begins_with"],
            )
            self.stdout.write("  ".join(str(word) for word in words))

    def _revoke(self, options: dict[str, Any]) -> None:
        row = ApiToken.objects.select_related("owner").filter(pk=options["id"]).first()
        if row is None:
            raise CommandError(f"There is no token {options['id']}: see `api_tokens list`.")
        tokens.revoke(row)
        self.stdout.write(json.dumps(_data(row)) if options["json"] else f"{row} opens nothing any more.")


def _data(row: ApiToken) -> dict[str, Any]:
    moments = {
        name: moment.isoformat() if (moment := getattr(row, name)) else None
        for name in ("created_at", "expires_at", "revoked_at", "last_used_at")
    }
    return {
        "id": row.pk,
        "name": row.name,
        "owner": row.owner.get_username(),
        "scopes": row.scopes,
        "begins_with": row.hint,
        "state": row.state(datetime.now(UTC)),
        **moments,
    }
