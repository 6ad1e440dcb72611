"""Bodies as text that a page can show: masked, indented where they are JSON, cut where they are huge."""

import json
from dataclasses import dataclass, replace

from accounts.secrets.masking import mask_json, mask_text
from dashboard.queries.exchanges import KeptBody
from dashboard.transcript.clipping import clipped
from proxy.store.bodies.codings import plain
from proxy.wire.lenient import parse

MAX_SHOWN = 300_000
_MAX_VALUES = 50_000
CUT = "Only the beginning is shown; the exact bytes hold all of it."


@dataclass(frozen=True, slots=True)
class Shown:
    """A text of `size` bytes on the wire; `note` says what is missing from it."""

    text: str
    size: int = 0
    note: str = ""


def header(headers: list[tuple[str, str]], name: str) -> str:
    """The first value of a header, "" without one."""
    return next((value for key, value in headers if key.lower() == name), "")


def readable(body: KeptBody, headers: list[tuple[str, str]]) -> bytes:
    """A body without its content coding, b"" where it was not kept."""
    return plain(body.data or b"", headers)


def shown(body: bytes) -> Shown:
    """Any body: JSON is indented, a stream's text stays as it came."""
    value = parse(body) if body.lstrip()[:1] in (b"{", b"[") else None
    if value is not None:
        return replace(shown_value(value), size=len(body))
    text = mask_text(body[:MAX_SHOWN].decode("utf-8", "replace"))
    return Shown(text, len(body), CUT if len(body) > MAX_SHOWN else "")


def shown_value(value: object) -> Shown:
    """A JSON value, indented."""
    part = clipped(value, MAX_SHOWN, _MAX_VALUES)
    text = json.dumps(mask_json(part.value), indent=2, ensure_ascii=False)
    is_whole = part.is_whole and len(text) <= MAX_SHOWN
    return Shown(text[:MAX_SHOWN], len(text), "" if is_whole else CUT)
