"""`manage.py seed_traffic --exchanges 10000000`: a full database, fast."""

import sys
import time
from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from proxy.store.management.progress import Bar, bars
from proxy.store.seeding import seed
from proxy.store.seeding.seed import SeedError, Wish


class Command(BaseCommand):
    """Make traffic up."""

    help = (
        "Fill the database with made-up traffic, to look at a full dashboard or to measure one: several domains, accounts, "
        "models and kinds of requests, agents' sessions, errors, costs from the price table, bodies, and the sums of it all. "
        "It is for a database of its own: made-up exchanges cannot be told from real ones, nor taken out again. "
        "Afterwards look at the dashboard, or run `make bench-storage`, which seeds a fresh database and measures it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--exchanges", type=int, default=100_000, help="how many (default: %(default)s)")
        parser.add_argument(
            "--days", type=int, default=90, help="over how many days up to now (default: %(default)s)"
        )
        parser.add_argument(
            "--seed", type=int, default=1, help="another one makes other traffic (default: %(default)s)"
        )
        parser.add_argument(
            "--bodies",
            action=BooleanOptionalAction,
            default=True,
            help="store the bodies as well (default: yes)",
        )
        parser.add_argument("--jobs", type=int, default=2, help="connections at once (default: %(default)s)")
        parser.add_argument("--yes", action="store_true", help="also into a database that holds traffic")

    def handle(
        self, *args: Any, exchanges: int, days: int, bodies: bool, jobs: int, yes: bool, **options: Any
    ) -> None:
        if min(exchanges, days, jobs) < 1:
            raise CommandError("--exchanges, --days and --jobs are at least 1.", returncode=2)
        if seed.holds_traffic() and not yes:
            self._confirm()
        wish = Wish(exchanges, days, options["seed"], timezone.now(), bodies)
        started = time.monotonic()
        with bars(quiet=False) as progress:
            tasks = {
                name: Bar(progress, progress.add_task(name, total=None))
                for name in ("conversations", "exchanges", "sums of conversations", "sums")
            }
            try:
                seed.seed(wish, lambda step, done, total: tasks[step].reach(done, total), jobs)
            except SeedError as error:
                raise CommandError(str(error)) from error
        seed.settle()
        seconds = time.monotonic() - started
        self.stdout.write(
            f"{exchanges:,} exchanges over {days} days in {seconds:,.1f} s: {exchanges / seconds:,.0f} a second."
        )

    def _confirm(self) -> None:
        reported = "This database holds traffic, and made-up exchanges cannot be taken out again."
        if not sys.stdin.isatty():
            raise CommandError(f"{reported} Use a database of its own (DATABASE_URL), or say --yes.")
        if input(f"{reported} Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was done.")
