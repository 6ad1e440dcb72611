"""`manage.py oauth_status`: how the OAuth credentials fare."""

import math
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.management.oauth_credentials import OAuthCredential, oauth_credentials
from accounts.management.report import report


class Command(BaseCommand):
    """Show OAuth credentials."""

    help = (
        "Show every OAuth credential, rows and files: its state, when its access token ends, when it was last renewed, its last "
        "error. Asks nobody. Exit code 1: one needs a login or cannot be read. Example: manage.py oauth_status --json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "domains", nargs="*", metavar="DOMAIN", help="only of these domains (default: all)"
        )
        parser.add_argument("--json", action="store_true", help="print them as JSON")

    def handle(self, *args: Any, domains: list[str], **options: Any) -> None:
        rows = [_row(oauth_credential) for oauth_credential in oauth_credentials(set(domains))]
        report(self, rows, _line, as_json=options["json"])
        if not rows and not options["json"]:
            self.stdout.write("No OAuth credential: `manage.py oauth_login` makes one.")
        bad = sum(row["state"] not in {"valid", "ended"} for row in rows)
        if bad:
            raise CommandError(
                f"{bad} of {len(rows)} need somebody: `manage.py oauth_login`, or the key that wrote them."
            )


def _row(oauth_credential: OAuthCredential) -> dict[str, Any]:
    left = oauth_credential.credential.expires_at - time.time()
    ended = oauth_credential.state == "valid" and left <= 0
    return {
        "domain": oauth_credential.domain,
        "credential": oauth_credential.credential.name,
        "state": oauth_credential.state
        if not ended
        else "ended"
        if oauth_credential.credential.refreshable
        else "needs_login",
        "expiresInSeconds": None if math.isinf(left) else round(left),
        "lastRefresh": datetime.fromtimestamp(oauth_credential.refreshed_at, UTC).isoformat()
        if oauth_credential.refreshed_at
        else None,
        "lastError": oauth_credential.last_error,
    }


def _line(row: Mapping[str, Any]) -> str:
    left = row["expiresInSeconds"]
    end = "no end known" if left is None else f"ends in {left // 60} min" if left > 0 else "ended"
    renewed = f", renewed {row['lastRefresh']}" if row["lastRefresh"] else ""
    error = f": {row['lastError']}" if row["lastError"] else ""
    return f"{row['domain']}  {row['credential']}  {row['state']}, {end}{renewed}{error}"
