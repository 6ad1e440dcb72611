"""How long to wait before what ended by itself is started again."""

from dataclasses import dataclass

LONGEST_SECONDS = 60.0
STEADY_SECONDS = 60.0


@dataclass(slots=True)
class Backoff:
    """`ends` counts the ends without a steady run (60 s) between them; `longest` bounds a pause, in seconds."""

    longest: float = LONGEST_SECONDS
    ends: int = 0

    def pause(self, ran_seconds: float) -> float:
        """Count an end after so many seconds; the pause before the next start: none, then 1 s, 2 s, 4 s, up to `longest`."""
        self.ends = 1 if ran_seconds >= STEADY_SECONDS else self.ends + 1
        return 0.0 if self.ends == 1 else min(self.longest, 2.0 ** min(self.ends - 2, 10))


def in_words(seconds: float) -> str:
    """When the next start is, to follow "starting it again"."""
    return f"in {seconds:.0f} s" if seconds else "now"
