"""The chaos test in little: `make chaos` does the same for minutes."""

import random

import pytest

from tests.chaos.faults import KINDS
from tests.chaos.run import run

EXCHANGES, KILLS = 300, 2


@pytest.mark.timeout(300)  # it ends within a minute; on a machine that has other things to do it may not
def test_everything_is_killed_under_load_and_nothing_is_lost() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")

    report = run(EXCHANGES, KILLS, seed, print)

    assert report.problems == []
    assert report.exchanges >= EXCHANGES
    assert len(report.kills) >= KILLS * len(KINDS)
