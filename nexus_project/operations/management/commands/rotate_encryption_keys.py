"""`manage.py rotate_encryption_keys`: a new key for the credentials at rest."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nexus_project.operations.key_rotation import Rotated, rotate, values
from proxy.store.management.progress import bar


class Command(BaseCommand):
    """Rotate FIELD_ENCRYPTION_KEYS."""

    help = (
        "Write every encrypted column (credentials, tokens, webhooks) anew under the first of FIELD_ENCRYPTION_KEYS. To exchange a "
        "key: put the new one first in the list, restart all processes, run this, take the old one out, restart. It may be "
        "interrupted and repeated, and runs beside everything. Exit code 1: a value is under none of the keys; put the key that "
        "wrote it back into the list, or type that secret in again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="change nothing, count what would be written"
        )
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        total = lambda: sum(1 for _ in values())  # noqa: E731 - asked for where somebody looks
        with bar("Encrypted values", quiet=options["verbosity"] == 0, total=total) as drawn:
            done = rotate(dry_run=dry_run, progress=drawn.advance)
        self.stdout.write(
            json.dumps(asdict(done), indent=2) if options["json"] else reported(done, dry_run=dry_run)
        )
        if done.unreadable:
            raise CommandError(
                f"{len(done.unreadable)} under none of FIELD_ENCRYPTION_KEYS: put the key that wrote them back into the list, or "
                f"type the secrets in again: {', '.join(done.unreadable)}"
            )


def reported(done: Rotated, *, dry_run: bool) -> str:
    """One line."""
    verb = "would be written" if dry_run else "written"
    return f"{done.rotated} {verb} anew under the first key, {done.current} were under it already."
