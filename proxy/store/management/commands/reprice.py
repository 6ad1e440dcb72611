"""`manage.py reprice`: exchanges get the cost that the prices of today give them."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from proxy.store.management.arguments import moment
from proxy.store.management.progress import bar
from proxy.store.reprice import Asked, Repriced, reprice


class Command(BaseCommand):
    """Compute costs again and move all sums by what changes."""

    help = (
        "Compute what stored exchanges cost again, from the usage that upstream told and the price table as it is now, and"
        " move all sums with them. Run it after a price was added for a model that had none (without options: only"
        " exchanges that are unpriced), or with --all after a price was corrected. Nexus may run meanwhile; a run that"
        " was interrupted may be repeated. It ends with 1 if exchanges stay unpriced: the output names their models."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--unpriced", action="store_true", help="only exchanges without a price (the default)"
        )
        which.add_argument("--all", action="store_true", help="also those that have a cost")
        parser.add_argument(
            "--model", default="", help="only what this model answered, by its name or its version's"
        )
        parser.add_argument("--since", type=moment, help="only what started at this moment or later")
        parser.add_argument("--until", type=moment, help="only what started before this moment")
        parser.add_argument(
            "--dry-run", action="store_true", help="tell what would change and change nothing"
        )
        parser.add_argument("--json", action="store_true", help="the summary as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = Asked(
            options["since"], options["until"], options["model"], options["all"], options["dry_run"]
        )
        with bar("Computing costs", quiet=options["json"]) as progress:
            done = reprice(asked, progress.reach)
        self.stdout.write(
            json.dumps(asdict(done), default=str) if options["json"] else "\n".join(_lines(done, asked))
        )
        if done.still_unpriced:
            sys.exit(1)


def _lines(done: Repriced, asked: Asked) -> Iterator[str]:
    would = "would get" if asked.dry_run else "got"
    yield f"{done.seen:,} exchanges computed, {done.changed:,} {would} another cost, USD {done.cost_usd:+,f} in all."
    for model in done.closed:
        yield f"{model} has a price now."
    for model, count in done.still_unpriced.most_common():
        if model:
            yield (
                f"{count:,} stay unpriced: {model} has no price for their time;"
                " add one in the admin that is valid from then on, and run this again."
            )
        else:
            yield f"{count:,} stay unpriced: no model is named, or the counts that upstream told are beyond belief."
