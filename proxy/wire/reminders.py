"""Text without the reminders that Claude Code puts into messages."""

import re

# What JavaScript's \s and trim() take for white space; Python's differs in U+001C-1F, U+0085 and U+FEFF.
WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_OPEN = re.compile("<system-reminder>", re.IGNORECASE | re.ASCII)
_CLOSE = re.compile("</system-reminder>", re.IGNORECASE | re.ASCII)


def without_reminders(text: str) -> str:
    """`text` without each `<system-reminder>` element and the white space before it.

    Equals removing `\\s*<system-reminder>[\\s\\S]*?</system-reminder>`, in linear time.
    """
    kept: list[str] = []
    end = 0
    while (opening := _OPEN.search(text, end)) and (closing := _CLOSE.search(text, opening.end())):
        kept.append(text[end : opening.start()].rstrip(WHITESPACE))
        end = closing.end()
    return "".join(kept) + text[end:]
