"""`manage.py conversations`: what people and agents talked about with Claude, for scripts."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from proxy.store.management.arguments import moment
from proxy.store.management.conversation_lines import list_lines, printable
from proxy.store.models import Conversation
from proxy.store.transcripts import choosing, outline
from proxy.store.transcripts.forms import FORMS
from proxy.store.transcripts.reading import transcript_of
from proxy.store.transcripts.summary import summary_of
from proxy.store.transfer import files

_WORDS = " Titles and words of people are bodies: the command shows them to whoever may run it, with secrets masked."
LIST = (
    "One line for each conversation, the greatest first, with its cost, turns, failures, agents and title."
    + _WORDS
)
SHOW = (
    "The tree of one conversation: each turn by time with its kind, model, cost and tokens, agents further in behind the turn"
    " that called them. ID is that of a conversation or of a session. Exit code 1: there is none, or a session of this id is in"
    " several domains." + _WORDS
)
EXPORT = (
    "All of one conversation in one file: what was asked, responses, tool calls with their results, agents under their calls,"
    " sums. Secrets are masked; for exact bodies there is export_traffic. ID and exit code are as in `show`."
)


class Command(BaseCommand):
    """Translate arguments to one call each."""

    help = (
        "List conversations, show the tree of one, or export what was said in it. Exit code 1: the one that is named is not there,"
        " or a file cannot be written; 2: an argument cannot be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listed = actions.add_parser("list", help="conversations with their sums", description=LIST)
        listed.add_argument(
            "--since", type=moment, help="only with a turn from this moment on, as 2026-11-01T00:00Z"
        )
        listed.add_argument(
            "--sort", choices=list(choosing.SORTS), default="activity", help="by what, the greatest first"
        )
        listed.add_argument("--limit", type=_count, default=50, help="how many at most, else 50")
        shown = actions.add_parser("show", help="the tree of one", description=SHOW)
        exported = actions.add_parser("export", help="what was said in one", description=EXPORT)
        exported.add_argument("--format", dest="form", choices=list(FORMS), default="md", help="else md")
        exported.add_argument(
            "--output",
            type=Path,
            help="the file, for its owner alone; it appears when it is whole. Without it: standard output",
        )
        for action in (shown, exported):
            action.add_argument("id", metavar="ID", help="of a conversation or a session")
        for action in (listed, shown, exported):
            action.add_argument(
                "--domain", dest="domains", action="append", default=[], help="only of this domain"
            )
            action.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            {"list": self._list, "show": self._show, "export": self._export}[action](options)
        except BrokenPipeError:
            sys.exit(1)  # whoever read it has seen enough

    def _list(self, options: dict[str, Any]) -> None:
        rows = choosing.first(options["sort"], options["limit"], options["domains"], options["since"])
        found = [summary_of(row) for row in rows]
        if options["json"]:
            self.stdout.write(_json({"conversations": found}))
            return
        for line in list_lines(found):
            self.stdout.write(line)

    def _show(self, options: dict[str, Any]) -> None:
        found = outline.outline_of(_the(options["id"], options["domains"]))
        if options["json"]:
            self.stdout.write(_json(found))
            return
        for line in outline.lines(found):
            self.stdout.write(printable(line))

    def _export(self, options: dict[str, Any]) -> None:
        form = FORMS["json" if options["json"] else options["form"]]
        document = form.write(transcript_of(_the(options["id"], options["domains"])))
        path: Path | None = options["output"]
        if path is None:
            for part in document:
                self.stdout.write(part, ending="")
            return
        try:
            _save(path, document)
        except OSError as error:
            raise CommandError(f"{path} cannot be written ({error}): choose another --output.") from error
        self.stderr.write(f"{path} holds the conversation.", self.style.SUCCESS)


def _the(name: str, domains: list[str]) -> Conversation:
    found = choosing.named(name, domains)
    if not found:
        raise CommandError(
            f"No conversation or session has the id {name!r}: `conversations list` shows what there is."
        )
    if len(found) > 1:
        listed = ", ".join(f"{row.id} ({row.domain})" for row in found)
        raise CommandError(
            f"{len(found)} conversations have the id {name!r}: name one of {listed}, or its --domain."
        )
    return found[0]


def _save(path: Path, document: Iterator[str]) -> None:
    with files.written(path) as file:
        for part in document:
            file.write(part.encode())


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
