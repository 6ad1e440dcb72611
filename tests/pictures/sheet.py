"""Which pages are taken."""

from dataclasses import dataclass

WIDTH = 1440
LARGEST = 200_000  # bytes: readers of the documents load them all


@dataclass(frozen=True, slots=True)
class Sheet:
    """`path` is of the dashboard, `{session}` in it a conversation's id. `shows` is what has to be there before it is taken.

    `height` is that of the window: much text makes a large file.
    """

    name: str
    path: str
    shows: str
    height: int = 900

    @property
    def file(self) -> str:
        return f"{self.name}.png"


SHEETS = (
    Sheet("overview", "/dashboard", "#streams tr"),
    Sheet("live", "/dashboard/live", "#rows tr"),
    Sheet("session", "/dashboard/session/{session}", "#socket", height=800),
    Sheet("usage", "/dashboard/usage?period=24h&by=model", "main table"),
)
