"""Texts of what differs, for people. Mask secrets in `text_of` before `excerpts` cuts it: half a secret is none to a mask."""

from proxy.conversations.findings.request_parts import encode, type_of
from proxy.wire.lenient import as_dict, as_text

_BEFORE_CHANGE = 4  # of an excerpt, one part in so many stands before what differs


def text_of(value: object) -> str:
    """The text of a block, else its JSON. Bytes of images and files are only counted."""
    fields = as_dict(value)
    if type_of(value) == "text" and isinstance(fields.get("text"), str):
        return as_text(fields["text"]) or ""
    source = as_dict(fields.get("source"))
    data = source.get("data")
    if isinstance(data, str) and source.get("type") == "base64":
        kind = as_text(source.get("media_type")) or type_of(value)
        return f"[{kind}, {len(data) * 3 // 4:,} bytes]"
    return encode(value).decode("utf-8", "replace")


def excerpts(before: str, after: str, most: int = 200) -> tuple[str, str]:
    """Of two texts at most so many characters each, around where they begin to differ; `…` where something is left out."""
    start = max(0, _common(before, after) - most // _BEFORE_CHANGE)
    return _cut(before, start, most), _cut(after, start, most)


def _common(before: str, after: str) -> int:
    """How many characters at the beginning are the same, by halving: comparing slices is quicker than a loop."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, start: int, most: int) -> str:
    end = start + most
    return ("…" if start and text else "") + text[start:end] + ("…" if end < len(text) else "")
