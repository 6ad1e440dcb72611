"""What a section of the page is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """`BAD` needs somebody now, `WARN` soon; `INFO` is neither good nor bad."""

    GOOD = "good"
    INFO = "info"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing; `to_do` says what to do where it is not as it should be, `command` is what corrects it or shows more."""

    name: str
    value: str
    state: State = State.INFO
    to_do: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a section's checks; the first column names the row."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Section:
    """Checks that belong together, and a table of what they are about, None without one."""

    name: str
    title: str
    checks: list[Check]
    table: Table | None = field(default=None)

    @property
    def worst(self) -> State:
        """Its state as a whole; what is only shown counts as good."""
        states = [check.state for check in self.checks]
        return next((state for state in (State.BAD, State.WARN) if state in states), State.GOOD)


def good_if(is_good: bool, otherwise: State = State.BAD) -> State:
    """GOOD, or the other one."""
    return State.GOOD if is_good else otherwise
