"""`manage.py rebuild_search`: what was stored without it becomes searchable."""

import argparse
import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.management.progress import bar
from proxy.store.rebuilding.search import rebuild


class Command(BaseCommand):
    """Make rows for search from stored bodies."""

    help = (
        "Make what was stored before there was search, or while it was off, searchable: tells by month how many turns have no"
        " row for search, and with --apply makes them from their bodies. A turn that says nothing in words gets none, and is"
        " looked at each time. Nexus may run meanwhile; a run that was interrupted may be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", type=_month, help="only this one, as 2026-11")
        parser.add_argument(
            "--again", action="store_true", help="also the turns that have a row: it is made anew"
        )
        parser.add_argument(
            "--apply", action="store_true", help="make the rows; without it nothing is changed"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["apply"] and not settings.SEARCH_ENABLED:
            raise CommandError(
                "Search is off: set SEARCH_ENABLED=true, or nothing new would be found beside it."
            )
        again, apply = options["again"], options["apply"]
        try:
            with bar("Reading turns", quiet=options["json"]) as progress:
                found = list(rebuild(options["month"], again=again, apply=apply, progress=progress.advance))
        except KeyUnavailable as error:
            raise CommandError(f"{error}.") from error
        if options["json"]:
            months = [asdict(month) | {"month": f"{month.month:%Y-%m}"} for month in found]
            self.stdout.write(json.dumps({"applied": apply, "months": months}))
            return
        for month in found:
            done = f"{month.made:,} rows made" if apply else "nothing changed (--apply makes their rows)"
            self.stdout.write(
                f"{month.month:%Y-%m}: {month.turns:,} turns {'' if again else 'without a row'}".rstrip()
                + f", {done}"
            )


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no month: write 2026-11") from error
