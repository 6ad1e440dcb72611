"""`manage.py reprice`: exchanges get the cost that the prices of today give them."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proxy.store.billing.reprice import Asked, Repriced, at_most, reprice
from proxy.store.management.arguments import moment
from proxy.store.management.progress import bar
from proxy.store.pricing.costs import plain, signed


class Command(BaseCommand):
    """Compute costs again and move all sums by what changes."""

    help = (
        "Compute what stored exchanges cost again, from the usage that upstream reported and the price table as it is now, and"
        " move all sums with them. Without options it takes those that an earlier version priced by an older rule, those of"
        " models whose price changed since the last run, and those without a price; bodies are read where the rows know too"
        " little. Nexus may run meanwhile; a run that was interrupted may be repeated. It ends with 1 if exchanges stay"
        " unpriced: the output names their models."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--unpriced", action="store_true", help="only exchanges without a price")
        which.add_argument("--all", action="store_true", help="all that were billed")
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
            since=options["since"],
            until=options["until"],
            model=options["model"],
            everything=options["all"],
            unpriced=options["unpriced"],
            dry_run=options["dry_run"],
        )
        most = at_most(asked)
        try:
            with bar("Computing costs", quiet=options["json"]) as progress:
                done = reprice(asked, lambda seen: progress.reach(seen, most))
        except KeyboardInterrupt as error:
            message = "Interrupted. What was computed is stored; run it again to go on."
            raise CommandError(message, returncode=130) from error
        self.stdout.write(
            json.dumps(asdict(done), default=plain) if options["json"] else "\n".join(_lines(done, asked))
        )
        if done.still_unpriced:
            sys.exit(1)


def _lines(done: Repriced, asked: Asked) -> Iterator[str]:
    would = "would get" if asked.dry_run else "got"
    yield f"{done.seen:,} exchanges computed, {done.changed:,} {would} another cost, USD {signed(done.cost_usd)} in all."
    for model, (old, new) in done.models.items():
        yield f"{model or '(no name)'}: USD {plain(old)} -> {plain(new)}"
    for model in done.closed:
        yield f"{model} has a price now."
    for model, count in done.still_unpriced.most_common():
        if model:
            yield (
                f"{count:,} stay unpriced: {model} has no price for their time;"
                " add one in the admin that is valid from then on, and run this again."
            )
        else:
            yield f"{count:,} stay unpriced: no model is named."
