"""`manage.py export_traffic`: exchanges out of the database, as JSON lines or Parquet."""

import json
import sys
from argparse import ArgumentParser, BooleanOptionalAction
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from proxy.record import OUTCOMES
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.management.arguments import moment
from proxy.store.management.progress import bar
from proxy.store.transfer.exporting import Exported, Manner, export
from proxy.store.transfer.selection import Selection


class Command(BaseCommand):
    """Write chosen exchanges to a file."""

    help = (
        "Write exchanges to a file, oldest first: to keep a copy, to analyse them elsewhere, to move them into another database"
        " (import_traffic). JSON lines hold everything; Parquet is for tools that analyse and comes without bodies unless"
        " --bodies is given. Options that choose may be repeated: one value of each has to fit."
        " ATTENTION: headers and queries are stored masked, but bodies are exact. A SECRET THAT SOMEBODY WROTE INTO A PROMPT IS"
        " EXPORTED WITH IT. Keep the file as safe as the database, or use --mask, which masks bodies as the pages do; a masked"
        " export cannot be imported."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        repeated: dict[str, Any] = {"action": "append", "default": []}
        parser.add_argument("--domain", dest="domains", help="only of this domain", **repeated)
        parser.add_argument("--model", dest="models", help="only of this model", **repeated)
        parser.add_argument(
            "--outcome", dest="outcomes", choices=OUTCOMES, help="only that ended so", **repeated
        )
        parser.add_argument("--session", dest="sessions", help="only of this session", **repeated)
        parser.add_argument("--id", dest="ids", type=UUID, help="only this exchange", **repeated)
        parser.add_argument("--since", type=moment, help="from this moment on (UTC unless it says otherwise)")
        parser.add_argument("--until", type=moment, help="before this moment")
        parser.add_argument("--format", dest="form", choices=("jsonl", "parquet"), default="jsonl")
        parser.add_argument(
            "--output",
            type=Path,
            help="the file; .gz and .zst compress JSON lines. It appears when it is whole. Without it: standard output",
        )
        parser.add_argument(
            "--bodies", action=BooleanOptionalAction, default=None, help="with or without both bodies"
        )
        parser.add_argument("--mask", action="store_true", help="mask secrets in bodies and everywhere else")
        parser.add_argument("--json", action="store_true", help="the summary on standard error as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("domains", "models", "outcomes", "sessions", "ids", "since", "until")
        selection = Selection(**{name: options[name] for name in names})
        manner = _manner(options)
        try:
            with bar("Exporting", quiet=options["json"], total=selection.count) as progress:
                done = export(selection, manner, progress.advance)
        except BrokenPipeError:
            sys.exit(1)  # whoever read it has seen enough
        except KeyUnavailable as error:
            raise CommandError(f"{error}.") from error
        except OSError as error:
            raise CommandError(
                f"{manner.path} cannot be written ({error}): choose another --output."
            ) from error
        self.stderr.write(json.dumps(asdict(done)) if options["json"] else _summary(done), self.style.SUCCESS)
        if done.damaged:
            raise CommandError(
                f"{done.damaged} bodies or headers are damaged and were left out: restore them from a backup"
                " (docs/operations.md) and export again."
            )


def _manner(options: dict[str, Any]) -> Manner:
    form, path = options["form"], options["output"]
    if form == "parquet" and path is None:
        raise CommandError("Parquet needs a file: name one with --output.", returncode=2)
    if form == "parquet" and path.suffix in (".gz", ".zst"):
        raise CommandError("Parquet is compressed within: name the file .parquet.", returncode=2)
    bodies = options["bodies"] if options["bodies"] is not None else form == "jsonl"
    return Manner(form, path, bodies, options["mask"])


def _summary(done: Exported) -> str:
    text = f"{done.exchanges:,} exchanges, {done.bytes:,} bytes, {done.seconds:.1f} s"
    return f"{text}; {done.without_traffic:,} without headers and bodies" if done.without_traffic else text
