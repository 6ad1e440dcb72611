"""`manage.py rotate_body_keys`: let an old key of BODY_ENCRYPTION_KEYS go."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.bodies.key_rotation import Rotation, rotate


class Command(BaseCommand):
    """Wrap the keys of all months under the first master key."""

    help = (
        "Wrap the keys of all months under the first key of BODY_ENCRYPTION_KEYS, so that older ones can go; the bodies stay as "
        "they are, which takes no time. Before: put a new key first in the list and restart the workers and dashboards, or a "
        "worker with the old list may still use the old key. After: remove the keys that it names, and keep a copy of them as "
        "long as backups from before. Exit code 1: the key of a month could not be had."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        parser.add_argument("--json", action="store_true", help="tell it as a JSON object")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        try:
            done = rotate(dry_run=dry_run)
        except KeyUnavailable as error:
            raise CommandError(f"{error}.") from error
        self.stdout.write(_as_json(done) if options["json"] else _as_text(done, dry_run=dry_run))
        if done.failed:
            sys.exit(1)


def _as_json(done: Rotation) -> str:
    return json.dumps(
        {
            "masterKey": done.master_key,
            "months": done.months,
            "rewrapped": [f"{month:%Y-%m}" for month in done.rewrapped],
            "removable": done.removable,
            "failed": {f"{month:%Y-%m}": why for month, why in done.failed.items()},
        }
    )


def _as_text(done: Rotation, *, dry_run: bool) -> str:
    verb = "would be wrapped" if dry_run else "were wrapped"
    lines = [
        f"{len(done.rewrapped)} of {done.months} keys {verb} under master key {done.master_key}; "
        f"{done.months - len(done.rewrapped) - len(done.failed)} were already."
    ]
    lines += [f"Not done: {why}." for why in done.failed.values()]
    if done.removable:
        names = ", ".join(done.removable)
        lines.append(
            f"No month needs master key {names}{' then' if dry_run else ''}: remove it from BODY_ENCRYPTION_KEYS of the workers "
            "and dashboards once all of them run with the new list, and keep a copy as long as backups from before today."
        )
    return "\n".join(lines)
