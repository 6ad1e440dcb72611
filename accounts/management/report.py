"""What came of many credentials: a line each, or JSON."""

import json
from collections.abc import Callable, Mapping, Sequence

from django.core.management.base import BaseCommand, CommandError

Row = Mapping[str, object]


def report(command: BaseCommand, rows: Sequence[Row], line: Callable[[Row], str], *, as_json: bool) -> None:
    """Print them, each by `line` or all as `{"credentials": […]}`."""
    if as_json:
        command.stdout.write(json.dumps({"credentials": rows}, indent=2))
    for row in () if as_json else rows:
        command.stdout.write(line(row))


def report_moved(command: BaseCommand, rows: Sequence[Row], *, as_json: bool, dry_run: bool = False) -> None:
    """Print what was moved; CommandError (exit code 1) where something failed."""

    def line(row: Row) -> str:
        action = f"would be {row['action']}" if dry_run else row["action"]
        words = (row["domain"] or row["file"], row["credential"], action)
        return "  ".join(str(word) for word in words if word) + (f": {row['why']}" if row["why"] else "")

    report(command, rows, line, as_json=as_json)
    failed = sum(row["action"] == "failed" for row in rows)
    if failed:
        raise CommandError(f"{failed} of {len(rows)} failed; nothing of these was changed.")
