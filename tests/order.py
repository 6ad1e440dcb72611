"""The order of the files: those that start real processes come first.

Each process that runs tests takes the next file when it has finished one. A long file that came last would leave the others
without work, so the short ones come last.
"""

from pathlib import Path

import pytest

# Folders whose files take seconds, the longest first; the others take what is left.
LONG = ("flow", "clients", "docker", "stack", "browser", "bench", "operations", "outbound")


def long_first(items: list[pytest.Item]) -> None:
    """Sort the tests; those of a folder keep the order that they have."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return LONG.index(folder) if folder in LONG else len(LONG)
