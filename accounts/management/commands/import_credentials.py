"""`manage.py import_credentials`: credential files into the database."""

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.credentials.files import SUFFIX
from accounts.credentials.moving import import_file
from accounts.management.report import report_moved


class Command(BaseCommand):
    """Import files."""

    help = (
        "Put credential files (<domain>.credentials.json) into the database: the credential, its domain, its Slack settings, and "
        "its client_api_key as a client key. What no column holds is kept for export_credentials. The files stay: delete them "
        "once the domain works, as a row goes before a file. Exit code 1: something failed. "
        "Example: manage.py import_credentials /etc/nexus/credentials --dry-run"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "paths", nargs="+", type=Path, metavar="PATH", help="files, or folders of such files"
        )
        parser.add_argument(
            "--replace", action="store_true", help="write over a credential of that domain and account"
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing, tell what would be")
        parser.add_argument("--json", action="store_true", help="tell it as JSON")

    def handle(self, *args: Any, paths: list[Path], replace: bool, dry_run: bool, **options: Any) -> None:
        moved = [asdict(import_file(path, replace=replace, dry_run=dry_run)) for path in _files(paths)]
        report_moved(self, moved, as_json=options["json"], dry_run=dry_run)


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise CommandError(
                f"{path} is not there: name a credential file or a folder of them.", returncode=2
            )
        found += sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not found:
        raise CommandError(f"No file there ends in {SUFFIX}: nothing was imported.", returncode=2)
    return found
