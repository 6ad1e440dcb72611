"""What became of a process: whether it was killed, and which trouble it was in when."""

import math
from dataclasses import dataclass, field

# The outcome of an exchange may be written so long after its client has left.
MARGIN_SECONDS = 1.0


@dataclass(slots=True)
class Trouble:
    """A fault that a process lived through; times are monotonic seconds."""

    kind: str
    began: float
    ended: float = math.inf


@dataclass(slots=True)
class Life:
    """One life of a process, from its start to its end. `troubles` are those of all lives of the part."""

    troubles: list[Trouble] = field(default_factory=list)
    killed: bool = False

    def met(self, kind: str, began: float, ended: float) -> bool:
        """Whether there was such a trouble between two moments."""
        return any(
            trouble.kind == kind
            and trouble.began < ended + MARGIN_SECONDS
            and began < trouble.ended + MARGIN_SECONDS
            for trouble in self.troubles
        )
