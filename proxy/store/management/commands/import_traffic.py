"""`manage.py import_traffic FILE…`: exchanges of an export into the database."""

import json
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from proxy.store.management.progress import bar
from proxy.store.transfer.importing import Bad, Imported, Importer, StoppedError, Terms, UnreadableError


class Command(BaseCommand):
    """Store what export_traffic wrote."""

    help = (
        "Store exchanges that export_traffic wrote, exactly as they were: columns, cost, bodies, and all sums. What is here"
        " already stays as it is, so that an import may be repeated and an interrupted one begun again. Slack and live pages"
        " hear nothing of it, and STORAGE_ENABLED makes no difference. A line that cannot be stored is reported with its number;"
        " the others are stored, and the exit code is 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files",
            nargs="+",
            metavar="FILE",
            help="JSON lines (plain, gzip, zstd) or Parquet; - is standard input",
        )
        parser.add_argument(
            "--strict", action="store_true", help="stop at the first line that cannot be stored"
        )
        parser.add_argument(
            "--sums",
            action=BooleanOptionalAction,
            default=True,
            help="--no-sums brings back a month that was dropped here: its sums are still counted",
        )
        parser.add_argument(
            "--json", action="store_true", help="the summary as JSON, with the first 1000 bad lines"
        )

    def handle(self, *args: Any, files: Sequence[str], **options: Any) -> None:
        def report(bad: Bad) -> None:
            if not options["json"]:
                self.stderr.write(f"{bad.file}, line {bad.line}: {bad.reason}")

        with bar("Importing", quiet=options["json"]) as progress:
            importer = Importer(Terms(options["strict"], options["sums"]), report, progress.advance)
            stopped = _take(importer, files)
        self.stdout.write(json.dumps(asdict(importer.done)) if options["json"] else _summary(importer.done))
        if stopped:
            raise CommandError(stopped)
        if importer.done.bad:
            sys.exit(1)


def _take(importer: Importer, names: Sequence[str]) -> str:
    """Take the files in their order; why that ended early, "" where it did not."""
    try:
        for name in names:
            importer.take(name)
    except (StoppedError, UnreadableError) as error:
        return str(error)
    except (OperationalError, InterfaceError) as error:
        return (
            f"The database went away ({str(error).strip()}): what came before is stored; repeat the import."
        )
    return ""


def _summary(done: Imported) -> str:
    text = (
        f"{done.stored:,} stored, {done.known:,} known already, {done.bad:,} bad lines, {done.seconds:.1f} s"
    )
    if done.unpriced:
        text += (
            f"; {done.unpriced:,} keep their cost without a price, because no price here has the same values"
        )
    return text
