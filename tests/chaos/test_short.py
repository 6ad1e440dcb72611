"""The chaos test in little: `make chaos` does the same for minutes."""

import random

import pytest

from tests.chaos.kinds import KILLS, TROUBLES
from tests.chaos.run import run

EXCHANGES, KILLS_OF_EACH, FAULTS_OF_EACH = 300, 2, 1


@pytest.mark.slow
@pytest.mark.timeout(300)  # a minute, and two where records that could not be read wait to be tried again
def test_everything_is_killed_under_load_and_nothing_is_lost() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")

    report = run(EXCHANGES, KILLS_OF_EACH, FAULTS_OF_EACH, seed, print)

    assert report.problems == []
    assert report.exchanges >= EXCHANGES
    assert len(report.faults) >= KILLS_OF_EACH * len(KILLS) + FAULTS_OF_EACH * len(TROUBLES)
