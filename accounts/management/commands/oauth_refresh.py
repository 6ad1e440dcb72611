"""`manage.py oauth_refresh`: renew tokens by hand."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.management.oauth_credentials import OAuthCredential, oauth_credentials
from accounts.management.report import Row, report
from accounts.oauth import refresh as oauth


class Command(BaseCommand):
    """Refresh tokens."""

    help = (
        "Renew OAuth tokens now: those that are due, or with --force all that are named, whatever their end. A process that is "
        "at it already is waited for. Exit code 1: one could not be renewed. Examples: manage.py oauth_refresh --all; "
        "manage.py oauth_refresh nexus.example.com --force"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domains", nargs="*", metavar="DOMAIN", help="credentials of these domains")
        parser.add_argument("--all", action="store_true", help="of every domain")
        parser.add_argument("--force", action="store_true", help="also where the token is still good")
        parser.add_argument("--dry-run", action="store_true", help="only tell which would be renewed")
        parser.add_argument("--json", action="store_true", help="tell it as JSON")

    def handle(self, *args: Any, domains: Sequence[str], force: bool, dry_run: bool, **options: Any) -> None:
        if bool(domains) == options["all"]:
            raise CommandError("Name domains, or say --all.", returncode=2)
        reported = [
            _renewed(oauth_credential, force=force, dry_run=dry_run)
            for oauth_credential in oauth_credentials(set(domains))
        ]
        if not reported:
            raise CommandError("There is no OAuth credential there: `manage.py oauth_status` lists them.")
        report(self, reported, _line, as_json=options["json"])
        if failed := sum(row["outcome"].startswith("failed") for row in reported):
            raise CommandError(f"{failed} of {len(reported)} could not be renewed.")


def _renewed(oauth_credential: OAuthCredential, *, force: bool, dry_run: bool) -> dict[str, str]:
    outcome = "not due"
    if not oauth_credential.credential.refreshable:
        outcome = f"failed: {oauth_credential.last_error or 'it has no refresh token'}"
    elif force or oauth_credential.is_due:
        outcome = "would be renewed" if dry_run else _attempt(oauth_credential, force=force)
    return {
        "domain": oauth_credential.domain,
        "credential": oauth_credential.credential.name,
        "outcome": outcome,
    }


def _line(row: Row) -> str:
    return f"{row['domain']}  {row['credential']}: {row['outcome']}"


def _attempt(oauth_credential: OAuthCredential, *, force: bool) -> str:
    try:
        oauth.refresh(oauth_credential.credential, rejected=force, forced=True)
    except oauth.RefreshFailed as failure:
        return f"failed: {failure.message}"
    return "renewed"
