"""`manage.py rebuild_conversations`: conversations of exchanges that were stored before there were any, or by other rules."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proxy.store.management.arguments import moment
from proxy.store.management.progress import bar
from proxy.store.rebuilding.alone import Busy
from proxy.store.rebuilding.conversations import Rebuilt, rebuild
from proxy.store.transfer.selection import Selection


class Command(BaseCommand):
    """Compare the turns of conversations with what the stored exchanges say, and write what differs."""

    help = (
        "Read the stored exchanges again and make their conversations anew: as ingest makes them today."
        " Run it once after an upgrade from a version without conversations, and after BODY_ENCRYPTION was switched."
        " Without --apply it changes nothing and says what differs. Nexus may run meanwhile; a run that was interrupted may"
        " be repeated. An exchange whose bodies were dropped keeps the turn that it has."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=moment, help="only exchanges from this moment on, as 2026-11-01T00:00Z"
        )
        parser.add_argument("--until", type=moment, help="only exchanges before this moment")
        parser.add_argument("--apply", action="store_true", help="write what differs")
        parser.add_argument("--json", action="store_true", help="the counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until, apply = options["since"], options["until"], options["apply"]
        try:
            with bar(
                "Exchanges", quiet=options["json"], total=Selection(since=since, until=until).count
            ) as progress:
                done = rebuild(since, until, apply=apply, progress=progress.advance)
        except Busy as error:
            raise CommandError("Another rebuild_conversations runs: wait for its end.") from error
        self.stdout.write(json.dumps(_data(done)) if options["json"] else _text(done, apply=apply))


def _data(done: Rebuilt) -> dict[str, int]:
    return {
        "exchanges": done.exchanges,
        "turns": done.turns,
        "changed": done.changed,
        "conversations": len(done.conversations),
        "withoutBody": done.without_body,
    }


def _text(done: Rebuilt, *, apply: bool) -> str:
    what = "were written" if apply else "differ: run it with --apply to write them"
    lines = [f"{done.exchanges:,} exchanges read, {done.turns:,} of them are turns."]
    if done.without_body:
        lines.append(f"{done.without_body:,} have no body any more and stay as they are.")
    if not done.conversations:
        return "\n".join([*lines, "All conversations are those of the stored exchanges."])
    return "\n".join([*lines, f"{done.changed:,} turns of {len(done.conversations):,} conversations {what}."])
