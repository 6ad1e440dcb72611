"""`manage.py check_credentials`: can each credential pay?"""

from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.access.decision import AccessCredential
from accounts.credentials import check as credential_check
from accounts.credentials import files as credential_files
from accounts.credentials.check import Verdict
from accounts.management.all_credentials import all_credentials
from accounts.management.oauth_credentials import oauth_credentials
from accounts.management.report import Row, report

_AT_ONCE = 4


class Command(BaseCommand):
    """Check all credentials."""

    help = (
        "Show every credential that Nexus would spend, rows, files and CLAUDE_API_KEY, and whether it can pay: each is asked for "
        "one model's name, which costs nothing. --offline asks nobody and looks only whether it is complete and not ended. "
        "It names files that others may read, and the command that closes them. "
        "Exit code 1: one cannot pay or needs a login. Example: manage.py check_credentials api.example.com --json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "domains", nargs="*", metavar="DOMAIN", help="only of these domains (default: all)"
        )
        parser.add_argument("--offline", action="store_true", help="do not ask the API")
        parser.add_argument("--json", action="store_true", help="print them as JSON")

    def handle(self, *args: Any, domains: list[str], **options: Any) -> None:
        found = all_credentials(set(domains))
        if not found:
            raise CommandError(
                "There is no such credential: add one in the admin, as a file, or as CLAUDE_API_KEY."
            )
        judge = credential_check.at_hand if options["offline"] else credential_check.ask
        dead = _needing_login()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            verdicts = list(threads.map(lambda entry: dead.get(entry[1].key) or judge(entry[1]), found))
        rows = [
            _row(domain, credential, verdict)
            for (domain, credential), verdict in zip(found, verdicts, strict=True)
        ]
        report(self, rows, _line, as_json=options["json"])
        bad = sum(not verdict.good for verdict in verdicts)
        if bad:
            raise CommandError(f"{bad} of {len(found)} cannot pay or need a login.")


def _needing_login() -> dict[str, Verdict]:
    """By `AccessCredential.key`; an access token may pay still, and nothing follows it."""
    return {
        oauth_credential.credential.key: Verdict(False, f"needs login: run {oauth_credential.login}")
        for oauth_credential in oauth_credentials(set())
        if oauth_credential.state == "needs_login"
    }


def _row(domain: str, credential: AccessCredential, verdict: Verdict) -> dict[str, object]:
    exposed = credential_files.exposed(Path(credential.reference)) if credential.source == "file" else ""
    return {
        "domain": domain, "credential": credential.name, "kind": credential.kind, **asdict(verdict), "exposed": exposed
    }  # fmt: skip


def _line(row: Row) -> str:
    mark = "ok " if row["good"] else "BAD"
    warning = f" Others may read its file: {row['exposed']}" if row["exposed"] else ""
    return f"{mark}  {row['domain']}  {row['credential']}  {row['kind']}: {row['why']}{warning}"
