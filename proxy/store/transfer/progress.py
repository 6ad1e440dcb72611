"""How far a long command has come, on standard error while a person looks at it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def bar(what: str, total: Callable[[], int | None], *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Draw a bar; what it gives takes how much more is done. `total` is only asked for where somebody sees it."""
    if quiet or not sys.stderr.isatty():
        yield lambda more: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total())
        yield lambda more: progress.advance(task, more)
