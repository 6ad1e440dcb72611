"""Bodies as text that a page can show: masked, indented where they are JSON, cut where they are huge."""

import gzip
import json
import zlib
from dataclasses import dataclass, replace

from accounts.masking import mask_json, mask_text
from proxy.wire.lenient import parse

MAX_SHOWN = 300_000
CUT = "Only the beginning is shown; the exact bytes hold all of it."


@dataclass(frozen=True, slots=True)
class Shown:
    """`text` is None where the body was not kept; `note` says what is missing from it."""

    text: str | None
    size: int = 0
    note: str = ""


def header(headers: list[tuple[str, str]], name: str) -> str:
    """The first value of a header, "" without one."""
    return next((value for key, value in headers if key.lower() == name), "")


def decoded(body: bytes, encoding: str) -> bytes:
    """The body without its content-encoding, as far as the standard library knows it; upstream is asked for none."""
    try:
        if encoding.lower() in {"gzip", "x-gzip"}:
            return gzip.decompress(body)
        if encoding.lower() == "deflate":
            return zlib.decompress(body)
    except (OSError, EOFError, zlib.error):
        return body
    return body


def shown(body: bytes | None) -> Shown:
    """Any body: JSON is indented, a stream's text stays as it came."""
    if body is None:
        return Shown(None)
    value = parse(body) if body.lstrip()[:1] in (b"{", b"[") else None
    if value is not None:
        return replace(shown_value(value), size=len(body))
    text = mask_text(body[:MAX_SHOWN].decode("utf-8", "replace"))
    return Shown(text, len(body), CUT if len(body) > MAX_SHOWN else "")


def shown_value(value: object) -> Shown:
    """A JSON value, indented."""
    text = json.dumps(mask_json(value), indent=2, ensure_ascii=False)
    return Shown(text[:MAX_SHOWN], len(text), CUT if len(text) > MAX_SHOWN else "")
