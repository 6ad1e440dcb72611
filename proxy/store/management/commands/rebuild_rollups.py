"""`manage.py rebuild_rollups`: sums that are wrong become right again."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proxy.store.management.arguments import moment
from proxy.store.management.progress import bar
from proxy.store.pricing.costs import plain, signed
from proxy.store.rebuilding.alone import Busy
from proxy.store.rebuilding.comparison import Difference
from proxy.store.rebuilding.rollups import ALWAYS, FOR_EVER, Asked, Rebuilt, hour_of, rebuild

_SHOWN = 20


class Command(BaseCommand):
    """Compare all sums with the stored exchanges, and fix them."""

    help = (
        "Sum up the stored exchanges again: hourly rollups and the totals of domains, behind all charts and"
        " /token-stats, the spending by day, behind limits in USD, and the sums by client key, person, tool, error, outcome,"
        " session and agent, and what became of the calls of tools."
        " Run it when sums are doubted, as after a restore; with --dry-run first, which changes nothing, tells what"
        " differs and ends with 1 if anything does. Nexus may run meanwhile. Hours that cannot be counted again, because"
        " exchanges were dropped or storage was off, are left alone and reported. A run that was interrupted may be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            type=moment,
            default=ALWAYS,
            help="from the hour of this moment on, as 2026-11-01T12:00Z",
        )
        parser.add_argument(
            "--until", type=moment, default=FOR_EVER, help="to before the hour of this moment"
        )
        parser.add_argument("--domain", default="", help="only what counts under this domain")
        parser.add_argument("--dry-run", action="store_true", help="tell what differs and change nothing")
        parser.add_argument("--json", action="store_true", help="everything that differs as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = Asked(
            since=hour_of(options["since"]),
            until=hour_of(options["until"]),
            domain=options["domain"].lower(),
            dry_run=options["dry_run"],
        )
        try:
            with bar("Comparing months", quiet=options["json"]) as progress:
                found = rebuild(asked, progress.reach)
        except Busy as error:
            raise CommandError("Another rebuild_rollups runs: wait for its end.") from error
        self.stdout.write(_json(found) if options["json"] else "\n".join(_lines(found, asked.dry_run)))
        if asked.dry_run and found.differs:
            sys.exit(1)


def _json(found: Rebuilt) -> str:
    return json.dumps(
        asdict(found), default=lambda value: value.isoformat() if isinstance(value, date) else plain(value)
    )


def _lines(found: Rebuilt, dry_run: bool) -> Iterator[str]:
    yield from _lines_of(found.hours)
    yield from _lines_of(found.totals)
    yield from _lines_of(found.spending)
    yield from _lines_of(found.breakdowns, "by client key, person, tool, error and outcome, ")
    yield from _lines_of(found.agents, "by session and agent, ")
    yield from _lines_of(found.tools, "results of tools, ")
    yield from _left_alone("exchanges were dropped, with a day beside it", found.dropped_months, "%Y-%m")
    yield from _left_alone("counted while storage was off", found.storage_off, "%Y-%m-%d %H:00")
    yield from _left_alone("strangers were counted otherwise then", found.counted_before, "%Y-%m-%d %H:00")
    if not found.differs:
        yield "All sums are those of the stored exchanges."
    else:
        done = "differ; run it without --dry-run to fix them" if dry_run else "were fixed"
        hours, totals, days = len(found.hours), len(found.totals), len(found.spending)
        yield f"{hours:,} hours, the totals of {totals:,} domains and the spending of {days:,} days {done}."
        if found.breakdowns:
            yield f"{len(found.breakdowns):,} hours of breakdowns {done}."
        if found.agents:
            yield f"{len(found.agents):,} hours of sessions and agents {done}."
        if found.tools:
            yield f"{len(found.tools):,} hours of results of tools {done}."
        if found.days:
            yield f"{len(found.days):,} days that were not their hours together {done}."


def _lines_of(found: list[Difference], which: str = "") -> Iterator[str]:
    for difference in found[:_SHOWN]:
        yield f"{which}{_name(difference.of)}: {', '.join(_sum(name, value) for name, value in difference.sums.items()) or 'moved'}"
    if more := len(found[_SHOWN:]):
        yield f"… and {more:,} more (--json shows all)"


def _sum(name: str, value: int | Decimal) -> str:
    if isinstance(value, Decimal):
        return f"{name} {signed(value)}"
    return f"{name} {value:+,}"


def _name(of: datetime | date | str) -> str:
    if isinstance(of, datetime):
        return f"{of:%Y-%m-%d %H:00}"
    return f"spent on {of}" if isinstance(of, date) else of


def _left_alone(why: str, moments: Iterable[date], form: str) -> Iterator[str]:
    if shown := [f"{shown_moment:{form}}" for shown_moment in moments]:
        more = f" and {len(shown) - _SHOWN:,} more" if len(shown) > _SHOWN else ""
        yield f"Left alone ({why}): {', '.join(shown[:_SHOWN])}{more}"
