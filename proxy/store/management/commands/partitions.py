"""`manage.py partitions`: the months of the record, and what retention does with them."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from proxy.store.management.progress import bar
from proxy.store.months.overview import Month, months, plan
from proxy.store.months.retention import BusyError, Step, drop
from proxy.store.postgres.partitions import ensure_ahead

# The bytes of which tables each column shows.
COLUMNS = {
    "EXCHANGE": {"proxy_exchange"},
    "EXCHANGEBODY": {"proxy_exchangebody"},
    "BLOB": {"proxy_blob"},
    "TEXT": {"proxy_text"},
    "RECEIPT": {"proxy_receipt"},
    "TURN": {"proxy_turn", "proxy_offer", "proxy_cachebreak", "proxy_finding"},
}
LINE = "{:<9}{:>12}{:>10}{:>14}{:>10}{:>10}{:>10}{:>10}{:>9}  {:<22}{}"


class Command(BaseCommand):
    """List months, make them ahead, apply retention."""

    help = (
        "List the months of the record: estimated exchanges, sizes by table, pinned exchanges, what was dropped, and what "
        "the next run of retention will drop (so this is its dry run). beat makes months ahead and applies RETENTION_BODIES_DAYS "
        "and RETENTION_METADATA_DAYS every hour; --ensure and --apply do it now. What is pinned stays (manage.py pin). "
        "Exit code 1: something was busy and is still there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            "--ensure", action="store_true", help="make the partitions of this month and the next two"
        )
        action.add_argument(
            "--apply", action="store_true", help="drop now what the list names under NEXT RUN; this is final"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, ensure: bool, apply: bool, **options: Any) -> None:
        now = timezone.now()
        if ensure:
            made = [f"{month:%Y-%m}" for month in ensure_ahead(now)]
            self._say(
                {"months": made}, f"{', '.join(made)}: all partitions are there.", as_json=options["json"]
            )
        elif apply:
            self._apply(plan(now), as_json=options["json"])
        else:
            found = months(now)
            self._say(
                {"months": [as_data(month) for month in found]}, as_table(found), as_json=options["json"]
            )

    def _apply(self, steps: list[Step], *, as_json: bool) -> None:
        done: dict[str, list[Step]] = {"dropped": [], "busy": []}
        with bar("Dropping", quiet=as_json, total=lambda: len(steps)) as progress:
            for step in steps:
                try:
                    drop(step)
                except BusyError:
                    done["busy"].append(step)
                else:
                    done["dropped"].append(step)
                progress.advance(1)
        data = {key: [step_data(step) for step in found] for key, found in done.items()}
        lines = [
            f"{key}: {step.part.name} of {step.month:%Y-%m}, {filesizeformat(step.stored_bytes)}"
            for key, found in done.items()
            for step in found
        ]
        self._say(data, "\n".join(lines) or "Nothing to drop.", as_json=as_json)
        if done["busy"]:
            raise CommandError("Somebody was reading or writing there; run it again, or leave it to beat.")

    def _say(self, data: object, text: str, *, as_json: bool) -> None:
        self.stdout.write(json.dumps(data, indent=2) if as_json else text)


def as_table(found: list[Month]) -> str:
    """One line a month."""
    head = LINE.format("MONTH", "EXCHANGES", *COLUMNS, "PINNED", "DROPPED", "NEXT RUN")
    return "\n".join([head, *map(as_line, found)])


def as_line(month: Month) -> str:
    dropped = {"bodies": month.bodies_dropped_at, "metadata": month.metadata_dropped_at}
    return LINE.format(
        f"{month.month:%Y-%m}",
        "?" if month.exchanges is None else f"~{month.exchanges:,}",
        *(_size(month, tables) for tables in COLUMNS.values()),
        month.pinned,
        ", ".join(name for name, moment in dropped.items() if moment) or "-",
        f"drop {' and '.join(month.next_run)}" if month.next_run else "keep",
    ).replace("\xa0", " ")


def _size(month: Month, tables: set[str]) -> str:
    found = [table.stored_bytes for table in month.tables if table.table in tables]
    return filesizeformat(sum(found)) if found else "-"


def as_data(month: Month) -> dict[str, object]:
    return {
        "month": f"{month.month:%Y-%m}",
        "exchanges": month.exchanges,
        "storedBytes": month.stored_bytes,
        "tables": [
            {"table": table.table, "rows": table.rows, "storedBytes": table.stored_bytes}
            for table in month.tables
        ],
        "pinned": month.pinned,
        "bodiesDroppedAt": month.bodies_dropped_at and month.bodies_dropped_at.isoformat(),
        "metadataDroppedAt": month.metadata_dropped_at and month.metadata_dropped_at.isoformat(),
        "nextRun": month.next_run,
    }


def step_data(step: Step) -> dict[str, object]:
    return {"month": f"{step.month:%Y-%m}", "part": step.part.name, "storedBytes": step.stored_bytes}
