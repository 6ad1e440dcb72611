"""How far a long command has come, on standard error while a person looks at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    """One piece of work in it; nothing is drawn where nobody looks."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, more: int) -> None:
        """So much more is done."""
        self._progress.advance(self._task, more)

    def reach(self, done: int, of: int | None = None) -> None:
        """So much is done, of how much, if that is known."""
        self._progress.update(self._task, completed=done, total=of)


@contextmanager
def bar(what: str, *, quiet: bool, total: Callable[[], int | None] = lambda: None) -> Iterator[Bar]:
    """Draw a bar that is wiped at the end. `total` is only asked for where somebody sees it."""
    with bars(quiet=quiet) as progress:
        yield Bar(progress, progress.add_task(what, total=None if progress.disable else total()))


def bars(*, quiet: bool) -> Progress:
    """Room for several of them."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
