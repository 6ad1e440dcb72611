"""`manage.py prices`: the price table, how it differs from a file of prices, and taking such a file over."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from proxy.price_file import SHIPPED, PriceFileError, PriceRow, read, shipped
from proxy.store.management import price_lines
from proxy.store.models import Price
from proxy.store.pricing import reconcile
from proxy.store.pricing.pending import pending
from proxy.store.pricing.states import FUTURE, IN_FORCE, states

UNUSABLE = 2


class Command(BaseCommand):
    """Show the table; compare it with a file; take a file over."""

    help = (
        "Show the price table: what holds now and what will, with --all also what ended or was withdrawn. USD per million tokens,"
        " web search per 1,000; factors multiply the rates of fast answers, of those that ran in the US and of batches."
        " --compare tells how the table differs from a file of prices (docs/prices.md), by default the one that ships with this"
        " version; --import is another word for it. With --apply the models of the file get its rows and no others; rows that"
        " are replaced are withdrawn and kept, also an operator's. Exit code 0: no difference, or applied; 1: there is a"
        " difference; 2: the file or the arguments cannot be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also rows that ended or were withdrawn")
        parser.add_argument(
            "--model", default="", metavar="M", help="only this model, by its name or an alias"
        )
        parser.add_argument(
            "--compare", "--import", dest="file", nargs="?", const=SHIPPED, type=Path, metavar="FILE",
            help="tell how the table differs from FILE, by default from the prices of this version; changes nothing",
        )  # fmt: skip
        parser.add_argument("--apply", action="store_true", help="take over what --import shows")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, file: Path | None, model: str, apply: bool, **options: Any) -> None:
        if file is None:
            if apply:
                raise CommandError("--apply needs --import, with a FILE or without.", returncode=UNUSABLE)
            self._show(model, everything=options["all"], as_json=options["json"])
            return
        if options["all"]:
            raise CommandError("--all shows the table; leave it out beside --import.", returncode=UNUSABLE)
        plan = _plan(_rows(file, model), apply=apply)
        self._report(plan, file, applied=apply, as_json=options["json"])
        if plan.differs and not apply:
            sys.exit(1)

    def _show(self, model: str, *, everything: bool, as_json: bool) -> None:
        table = list(Price.objects.all())
        known = states(table, timezone.now())
        rows = [
            row
            for row in table
            if (everything or known[row.pk] in (IN_FORCE, FUTURE))
            and (not model or model in (row.model, *row.aliases))
        ]
        if as_json:
            data = [price_lines.table_data(row, known[row.pk]) for row in rows]
            self.stdout.write(json.dumps({"prices": data}, indent=2))
        elif rows:
            self.stdout.write("\n".join(price_lines.table_lines(rows, known)))
        else:
            self.stdout.write(f"There is no price{f' of {model}' if model else ''}.")

    def _report(self, plan: reconcile.Plan, file: Path, *, applied: bool, as_json: bool) -> None:
        waiting = pending() if applied else None
        if as_json:
            data = {"file": str(file), "applied": applied, "repriceNeeded": bool(waiting)}
            self.stdout.write(json.dumps(data | price_lines.plan_data(plan), indent=2))
            return
        for line in price_lines.plan_lines(plan):
            self.stdout.write(line)
        if not plan.differs:
            self.stdout.write(f"The price table says what {file.name} says.")
        elif applied:
            self.stdout.write("Applied.")
        else:
            self.stdout.write("Nothing was changed; --import with --apply does this.")
        if waiting:
            self.stdout.write(waiting.words)


def _rows(file: Path, model: str) -> list[PriceRow]:
    try:
        rows = read(file)
    except PriceFileError as error:
        raise CommandError(str(error), returncode=UNUSABLE) from error
    found = [row for row in rows if not model or model in (row.model, *row.aliases)]
    if model and not found:
        raise CommandError(
            f"{file} has no price of {model}: name another model, or none.", returncode=UNUSABLE
        )
    return found


@transaction.atomic
def _plan(rows: list[PriceRow], *, apply: bool) -> reconcile.Plan:
    """What an import does, and which of it an upgrade leaves out."""
    table = Price.objects.all()
    plan = reconcile.import_plan(rows, table.select_for_update() if apply else table)
    plan.kept = reconcile.upgrade_plan(rows, table, timezone.now()).kept
    if apply:
        reconcile.apply(plan, shipped=shipped())
    return plan
