"""Text of strangers inside a Slack message: masked, cut and escaped, in that order.

Escapes: https://docs.slack.dev/messaging/formatting-message-text#escaping.
With `&`, `<` and `>` escaped no mention, link or command of Slack can be written.
"""

import re
import unicodedata

from accounts.secrets.masking import mask_text

TEXT_LIMIT = 3000
TRUNCATED = "... (truncated)"
# Texts can be megabytes long; what lies beyond this could only show where masks shorten the text sevenfold.
_LOOKED_AT = 7 * TEXT_LIMIT
_JOINER = "\u200d"
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\u202a-\u202e\u2066-\u2069]")
_BROADCAST = re.compile("@(?=channel|here|everyone|group)", re.IGNORECASE)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def quote(text: str, limit: int = TEXT_LIMIT, *, lines: int | None = None) -> str:
    """`text` as Slack may show it: at most `limit` characters before escaping, and so many lines."""
    whole = mask_text(_beginning(text)).strip()
    short = whole
    if lines is not None:
        short = "\n".join(whole.splitlines()[:lines])
    short = cut(short, limit)
    cut_off = len(short) < len(whole) or len(text) > _LOOKED_AT
    return escape(short) + (TRUNCATED if cut_off else "")


def clip(text: str, limit: int) -> str:
    """`text` as one short line: white space becomes single spaces, what is too long ends in `...`."""
    line = " ".join(mask_text(_beginning(text)).split())
    short = cut(line, limit)
    return escape(short) + ("..." if len(short) < len(line) else "")


def escape(text: str) -> str:
    """`text` without meaning to Slack; a broadcast's name is broken by a zero-width space as well."""
    return _BROADCAST.sub("@\u200b", _CONTROLS.sub("", text)).translate(_ESCAPES)


def cut(text: str, limit: int) -> str:
    """The first `limit` characters, fewer where that would tear a letter from its accents or an emoji apart."""
    end = limit
    while 0 < end < len(text) and (_extends(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return text[: end or limit].rstrip() if len(text) > limit else text


def _extends(character: str) -> bool:
    """Whether a character belongs to the one before it: accents, variation selectors, skin tones, joiners."""
    is_skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return character == _JOINER or is_skin_tone or unicodedata.category(character) in {"Mn", "Me", "Mc"}


def _beginning(text: str) -> str:
    """What is looked at; a word that the limit cuts is left out, because half a key is not known as one."""
    if len(text) <= _LOOKED_AT:
        return text
    words = re.match(r"(?s).*\s", text[:_LOOKED_AT])
    return words[0] if words else ""
