"""`manage.py import_predecessor DATABASE_URL`: the traffic that the predecessor recorded."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from proxy.store.management.arguments import moment
from proxy.store.management.progress import bar
from proxy.store.predecessor.importing import Bad, Imported, Importer
from proxy.store.predecessor.reading import Choice, Source, SourceError, opened
from proxy.store.predecessor.schema import SchemaError


class Command(BaseCommand):
    """Make exchanges of the rows in a predecessor's `api_requests`."""

    help = (
        "Read the table api_requests of the predecessor's PostgreSQL database, in any of its forms, and store each row as an"
        " exchange: with its tokens, priced by our table at its date, its headers masked anew, its bodies as compact JSON (the"
        " predecessor did not keep the original bytes). Only reads there. What was imported before stays as it is, so that it"
        " may be repeated, also while the predecessor still runs. Begin with --dry-run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "database_url",
            metavar="DATABASE_URL",
            help="postgresql://user@host/name; a password is better kept in ~/.pgpass or PGPASSWORD",
        )
        parser.add_argument(
            "--domain",
            dest="domains",
            action="append",
            default=[],
            help="only of this domain (E2: project); may be repeated",
        )
        parser.add_argument("--since", type=moment, help="from this moment on (UTC unless it says otherwise)")
        parser.add_argument("--until", type=moment, help="before this moment")
        parser.add_argument(
            "--dry-run", action="store_true", help="only tell the schema and the rows of each month"
        )
        parser.add_argument("--batch", type=int, default=100, help="rows in memory together (%(default)s)")
        parser.add_argument(
            "--json", action="store_true", help="the summary as JSON, with the first 1000 bad rows"
        )

    def handle(self, *args: Any, database_url: str, **options: Any) -> None:
        if options["batch"] < 1:
            raise CommandError("--batch has to be 1 or more.", returncode=2)
        try:
            with opened(
                database_url, Choice(options["domains"], options["since"], options["until"])
            ) as source:
                if options["dry_run"]:
                    self._report_months(source, as_json=options["json"])
                    return
                done = self._import(source, options)
        except (SourceError, SchemaError) as error:
            raise CommandError(
                f"The predecessor's database cannot be read: {error}. What was stored so far stays; fix it and repeat."
            ) from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database of Nexus went away ({str(error).strip()}): what came before is stored; repeat the import."
            ) from error
        self.stdout.write(json.dumps(asdict(done)) if options["json"] else _summary(done))
        if done.bad:
            sys.exit(1)

    def _import(self, source: Source, options: dict[str, Any]) -> Imported:
        def report(bad: Bad) -> None:
            if not options["json"]:
                self.stderr.write(f"{bad.request_id}: {bad.reason}")

        def total() -> int:
            return sum(source.by_month().values())

        with bar("Importing", quiet=options["json"], total=total) as progress:
            return Importer(source, report).run(options["batch"], progress.advance)

    def _report_months(self, source: Source, *, as_json: bool) -> None:
        months = source.by_month()
        if as_json:
            self.stdout.write(json.dumps({"schema": source.schema.name, "months": months}))
            return
        self.stdout.write(f"Schema {source.schema.name}")
        for month, count in months.items():
            self.stdout.write(f"{month}  {count:>12,}")
        self.stdout.write(f"all      {sum(months.values()):>12,}")


def _summary(done: Imported) -> str:
    return (
        f"Schema {done.schema}: {done.stored:,} stored, {done.known:,} known already, {done.bad:,} bad rows,"
        f" {done.seconds:.1f} s"
    )
