"""`manage.py spool list|replay|export`: what waits between a proxy and the database, and what to do with it."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from nexus_project.operations.spool import export as spool_export
from nexus_project.operations.spool import list as spool_list
from nexus_project.operations.spool import replay as spool_replay
from nexus_project.operations.spool import words as spool_words
from nexus_project.operations.spool.file import write_lines
from proxy.store.management.progress import bar

LIST = """Every spool below NEXUS_DATA_DIR and every other one that PostgreSQL or Redis knows, and dead letters. Nothing is
changed and no proxy is disturbed. Ends with 1 if something needs a person, and says what to do."""
REPLAY = """Store what waits, without Redis and without a proxy: for the time when the proxy is gone for good, or after an upgrade
that fixes dead letters. Without an option: --slots and --set-aside. Each record is stored once, however often you
replay. Ends with 1 if something could not be stored, and says why."""
EXPORT = """Copy what waits and dead letters to a new file, one JSON object a line, bodies exact in base64, and change
nothing. The file holds whole bodies: keep it as you keep the database. `replay --file` stores it, here or in another Nexus."""


class Command(BaseCommand):
    """Translate arguments to one call each."""

    help = "List, replay or export the records that are not in the database yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        shown = actions.add_parser("list", help="what every spool holds", description=LIST)
        shown.add_argument("--json", action="store_true", help="as one JSON object")
        again = actions.add_parser("replay", help="store what waits and dead letters", description=REPLAY)
        again.add_argument(
            "--slots", action="store_true", help="what lies in slots that no process holds, and in `damaged`"
        )
        again.add_argument("--set-aside", action="store_true", help="what PostgreSQL refused")
        again.add_argument("--file", type=Path, help="what `export` wrote")
        again.add_argument("--dry-run", action="store_true", help="only count what would be tried")
        away = actions.add_parser("export", help="copy it to a file", description=EXPORT)
        away.add_argument("file", type=Path, help="the new file")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        root = settings.NEXUS_DATA_DIR / "spool"
        try:
            fine = {"list": self._list, "replay": self._replay, "export": self._export}[action](root, options)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"PostgreSQL does not answer ({str(error).strip()}). Nothing is lost: bring it back and run this again."
            ) from error
        if not fine:
            sys.exit(1)

    def _list(self, root: Path, options: dict[str, Any]) -> bool:
        found = spool_list.listing(root)
        shown = (
            json.dumps(spool_words.data(found)) if options["json"] else "\n".join(spool_words.words(found))
        )
        self.stdout.write(shown)
        return not spool_list.needs(found)

    def _replay(self, root: Path, options: dict[str, Any]) -> bool:
        both = not (options["slots"] or options["set_aside"] or options["file"])
        wishes = spool_replay.Wishes(options["slots"] or both, options["set_aside"] or both, options["file"])
        try:
            with bar("Replaying", quiet=False) as progress:
                if options["dry_run"]:
                    done = spool_replay.would(root, wishes, progress.advance)
                else:
                    done = spool_replay.replay_all(root, settings.SPOOL_MAX_BYTES, wishes, progress.advance)
        except OSError as error:
            raise CommandError(
                f"{error}. Name a file that `manage.py spool export` wrote.", returncode=2
            ) from error
        verb = "would be stored" if options["dry_run"] else "stored"
        self.stdout.write(f"{done.stored} {verb}, {done.known} were stored before.")
        if done.held:
            self.stdout.write(
                f"{done.held} slots belong to running proxies, which ship their records themselves."
            )
        for line in done.left:
            self.stderr.write(line)
        return not done.left

    def _export(self, root: Path, options: dict[str, Any]) -> bool:
        unusable = list[str]()
        try:
            with bar("Exporting", quiet=False) as progress:
                count = write_lines(
                    options["file"], spool_export.everything(root, unusable.append, progress.advance)
                )
        except OSError as error:
            raise CommandError(
                f"{error}. Name a new file in a folder that can be written.", returncode=2
            ) from error
        self.stdout.write(f"{count} records are in {options['file']}.")
        for line in unusable:
            self.stderr.write(line)
        return not unusable
