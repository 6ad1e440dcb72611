"""Text without the reminders that Claude Code puts into messages."""

import re
from collections.abc import Iterator

# What JavaScript's \s and trim() take for white space; Python's differs in U+001C-1F, U+0085 and U+FEFF.
WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_OPEN = re.compile("<system-reminder>", re.IGNORECASE | re.ASCII)
_CLOSE = re.compile("</system-reminder>", re.IGNORECASE | re.ASCII)


def split_reminders(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of `text` in order, each with whether it is the content of a reminder. One that never ends is none."""
    end = 0
    while (opening := _OPEN.search(text, end)) and (closing := _CLOSE.search(text, opening.end())):
        yield text[end : opening.start()], False
        yield text[opening.end() : closing.start()], True
        end = closing.end()
    yield text[end:], False


def without_reminders(text: str) -> str:
    """`text` without each `<system-reminder>` element and the white space before it.

    Equals removing `\\s*<system-reminder>[\\s\\S]*?</system-reminder>`, in linear time.
    """
    *before, last = [part for part, is_reminder in split_reminders(text) if not is_reminder]
    return "".join([*(part.rstrip(WHITESPACE) for part in before), last])
