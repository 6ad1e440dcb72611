"""How long to wait after failures in a row."""

import random


def pause(failures: int, first: float, longest: float, scatter: tuple[float, float] = (0.5, 1.0)) -> float:
    """Seconds: `first` after one failure, doubled with each more up to `longest`, times a factor drawn from `scatter`.

    Scattered, so that what failed together does not come back together.
    """
    return min(first * 2.0 ** min(failures - 1, 30), longest) * random.uniform(*scatter)  # noqa: S311 - no secret
