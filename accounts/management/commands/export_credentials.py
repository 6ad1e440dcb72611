"""`manage.py export_credentials`: credentials of the database as files."""

from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.credentials.files import name_of
from accounts.credentials.moving import Moved, export_row
from accounts.fields import UnreadableSecret
from accounts.management.report import report_moved
from accounts.models import Credential


class Command(BaseCommand):
    """Export rows."""

    help = (
        "Write credentials of the database as files (<domain>.credentials.json, mode 600), as import_credentials reads them. "
        "THE FILES HOLD SECRETS IN CLEAR. A file holds one credential: of a domain with several choose with --name. Client keys "
        "are kept as hashes only and cannot be written, except the client_api_key that came with an imported file and was not "
        "revoked. Exit code 1: something failed. Example: manage.py export_credentials /safe/place --domain api.example.com"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, help="where the files go; made with mode 700 if it is missing"
        )
        parser.add_argument("--domain", action="append", default=[], help="only this domain; may be repeated")
        parser.add_argument("--name", default="", help="only credentials of this name")
        parser.add_argument("--replace", action="store_true", help="write over files that are there")
        parser.add_argument("--json", action="store_true", help="tell it as JSON")

    def handle(self, *args: Any, folder: Path, replace: bool, **options: Any) -> None:
        rows = Credential.objects.order_by("domain__name", "pk")
        if options["domain"]:
            rows = rows.filter(domain__name__in=options["domain"])
        if options["name"]:
            rows = rows.filter(name=options["name"])
        keys = list(rows.values_list("pk", "domain__name", "name"))
        if not keys:
            raise CommandError(
                "No such credential is in the database: `manage.py check_credentials` lists all."
            )
        self.stderr.write(f"The files in {folder} will hold secrets in clear.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        report_moved(
            self, list(map(asdict, _exported(keys, folder, replace=replace))), as_json=options["json"]
        )


def _exported(keys: list[tuple[int, str, str]], folder: Path, *, replace: bool) -> Iterable[Moved]:
    domains = [domain for _, domain, _ in keys]
    for pk, domain, name in keys:
        reported = (name_of(domain), domain, name)
        if domains.count(domain) > 1:
            yield Moved(
                *reported, "failed", "the domain has several, and a file holds one: choose with --name"
            )
            continue
        try:
            yield export_row(Credential.objects.select_related("domain").get(pk=pk), folder, replace=replace)
        except UnreadableSecret as error:
            yield Moved(*reported, "failed", str(error))
        except OSError as error:
            yield Moved(
                *reported,
                "failed",
                f"it cannot be written ({error.strerror}): make room or choose another folder",
            )
