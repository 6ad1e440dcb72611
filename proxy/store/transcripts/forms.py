"""The forms in which a transcript is handed out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import msgspec

from proxy.store.transcripts import markdown, page
from proxy.store.transcripts.shapes import Transcript

FormName = Literal["md", "json", "html"]


@dataclass(frozen=True, slots=True)
class Form:
    """`name` ends the names of its files, `write` gives the document piece by piece."""

    name: FormName
    media_type: str
    write: Callable[[Transcript], Iterator[str]]

    def file_name(self, conversation: UUID) -> str:
        """No word of a person is in it."""
        return f"conversation-{conversation}.{self.name}"


def _json(transcript: Transcript) -> Iterator[str]:
    yield msgspec.json.format(msgspec.json.encode(transcript), indent=2).decode()
    yield "\n"


FORMS: Mapping[FormName, Form] = {
    form.name: form
    for form in (
        Form("md", "text/markdown; charset=utf-8", markdown.lines),
        Form("json", "application/json", _json),
        Form("html", "text/html; charset=utf-8", page.parts),
    )
}
