"""Conversations as lines for a terminal."""

from collections.abc import Iterator, Sequence

from proxy.store.transcripts.shapes import Summary

_HEAD = ("LAST", "COST", "TURNS", "FAILED", "AGENTS", "DOMAIN", "CONVERSATION", "TITLE")
_NUMBERS = {1, 2, 3, 4}
_TITLE = 60


def list_lines(found: Sequence[Summary]) -> Iterator[str]:
    """A table, one line each."""
    rows = [_HEAD, *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(
            f"{cell:>{width}}" if place in _NUMBERS else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(cells)
        ).rstrip()


def printable(text: str) -> str:
    """A line without what a terminal would take for orders."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _cells(of: Summary) -> tuple[str, ...]:
    title = printable(of.title or "")
    return (
        f"{of.last_at:%Y-%m-%d %H:%M}",
        f"{of.cost_usd:.4f}{'' if of.cost_state == 'exact' else ' ' + of.cost_state}",
        f"{of.turns:,}",
        f"{of.failed:,}",
        f"{of.agents:,}",
        printable(of.domain),
        str(of.conversation_id),
        title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…",
    )
