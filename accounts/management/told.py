"""What came of many credentials: a line each, or JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError

from accounts.credential_moving import Moved


def tell(command: BaseCommand, moved: Sequence[Moved], *, as_json: bool, dry_run: bool = False) -> None:
    """Print it; CommandError (exit code 1) where something failed."""
    if as_json:
        command.stdout.write(json.dumps({"credentials": [asdict(one) for one in moved]}, indent=2))
    for one in () if as_json else moved:
        words = (one.domain or one.file, one.credential, f"would be {one.action}" if dry_run else one.action)
        command.stdout.write("  ".join(word for word in words if word) + (f": {one.why}" if one.why else ""))
    failed = sum(one.action == "failed" for one in moved)
    if failed:
        raise CommandError(f"{failed} of {len(moved)} failed; nothing of these was changed.")
