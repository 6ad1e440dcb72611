"""How much of a conversation one page shows, so that a huge one opens as fast as a small one. The rest is in the raw JSON."""

import json

from django.utils.safestring import SafeString

from accounts.secrets.masking import mask_json, mask_text
from dashboard.transcript import markdown
from dashboard.transcript.clipping import clipped

MAX_TEXT = 200_000
# Markdown costs about a second a megabyte, where every second character opens something far more: such text is shown as it is.
MAX_MARKDOWN = 40_000
_OPENERS = "[*_`~<"
_OPENERS_ALLOWED = 2000
_MAX_VALUES = 20_000
_MAX_NAME = 300
# Masked before it is cut, or a cut secret would no longer look like one; but not all of a text that nobody sees.
_MARGIN = 5_000


class Budget:
    """What one page may still show."""

    def __init__(self, characters: int = 1_000_000, markdown: int = 400_000, blocks: int = 2_000) -> None:
        self._characters = characters
        self._markdown = markdown
        self._blocks = blocks

    def has_block(self) -> bool:
        """Whether one more block may be shown."""
        self._blocks -= 1
        return self._blocks >= 0

    def text(self, text: str) -> tuple[str, str]:
        """The first part of a text, masked, and a note if it was cut."""
        size = self._size()
        shown = self._spent(mask_text(text[: size + _MARGIN])[:size])
        if len(text) <= size:
            return shown, ""
        return shown, f"The first {size:,} of {len(text):,} characters; the rest is in the raw JSON."

    def html(self, text: str) -> tuple[SafeString, str]:
        """A text's Markdown as HTML, and a note if it was cut."""
        shown, note = self.text(text)
        self._markdown -= len(shown)
        if self._markdown < 0 or len(shown) > MAX_MARKDOWN or _is_dense(shown):
            return markdown.plain(shown), note
        return markdown.render(shown), note

    def plain(self, text: str) -> tuple[SafeString, str]:
        """A text line by line, and a note if it was cut."""
        shown, note = self.text(text)
        return markdown.plain(shown), note

    def json(self, value: object) -> SafeString:
        """A JSON value, indented, masked and escaped, with a note at its end if it was cut."""
        size = self._size()
        part = clipped(value, size + _MARGIN, _MAX_VALUES)
        text = json.dumps(mask_json(part.value), indent=2, ensure_ascii=False)
        shown = self._spent(text[:size])
        if part.is_whole and len(text) <= size:
            return markdown.plain(shown)
        return markdown.plain(f"{shown}\n\nThe first {size:,} characters; the rest is in the raw JSON.")

    def _size(self) -> int:
        return min(MAX_TEXT, max(self._characters, 0))

    def _spent(self, shown: str) -> str:
        self._characters -= len(shown)
        return shown


def name(text: str) -> str:
    """A name that a stranger chose, masked; of a very long one the beginning."""
    shown = mask_text(text[: 2 * _MAX_NAME])
    return shown if len(shown) <= _MAX_NAME else f"{shown[:_MAX_NAME]}…"


def _is_dense(text: str) -> bool:
    return sum(map(text.count, _OPENERS)) > max(_OPENERS_ALLOWED, len(text) // 5)
