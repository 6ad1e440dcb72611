"""What a bar allows on a machine that is not the one where it was set."""

import msgspec
import pytest

from tests.bench import targets
from tests.bench.bars import Verdict, verdicts
from tests.bench.measure import Load, Run, Times
from tests.bench.report import Report

NO_TIMES = Times(0, 0, 0, 0)


def ran(
    target: str, workload: str, cpu: float, *, done: int = 1000, events: int = 0, peak: float = 50
) -> Run:
    load = Load(done, done, 0, events, 1.0, done, 0, NO_TIMES, NO_TIMES, NO_TIMES, "")
    return Run(workload, target, load, cpu, 0, peak, None, None)


def named(runs: list[Run], name: str) -> Verdict:
    [found] = [verdict for verdict in verdicts(runs) if verdict.name == name]
    return found


@pytest.mark.parametrize(
    ("bare", "mine", "kept"), [(0.25, 0.39, True), (0.25, 0.41, False), (0.5, 0.79, True)]
)
def test_a_limit_grows_with_what_the_bare_view_takes(bare: float, mine: float, kept: bool) -> None:
    runs = [ran(targets.BARE, "small", bare), ran(targets.OURS, "small", mine)]

    found = named(runs, "proxy CPU, 0.4 KB requests")

    assert (found.kept, found.limit) == (kept, 0.4)
    assert found.here == pytest.approx(0.4 * bare / 0.25)


def test_what_is_missed_by_the_bars_as_they_were_set_is_told_apart() -> None:
    runs = [ran(targets.BARE, "small", 0.5), ran(targets.OURS, "small", 0.41)]
    report = Report(pinned=True, seconds=1, runs=runs, verdicts=verdicts(runs))

    assert report.missed == []
    assert report.missed_there == ["proxy CPU, 0.4 KB requests"]


def test_a_faster_machine_allows_less() -> None:
    runs = [ran(targets.BARE, "burst", 1.5, events=10**6), ran(targets.OURS, "burst", 3, events=10**6)]

    assert not named(runs, "proxy CPU, events at once").kept


def test_what_500_streams_carry_is_less_where_the_bare_view_carries_less() -> None:
    runs = [
        ran(targets.BARE, "paced5x500", 1, events=32_750),
        ran(targets.OURS, "paced5x500", 1, events=31_000),
    ]

    assert named(runs, "500 streams carry").here == pytest.approx(30_000)
    assert named(runs, "500 streams carry").kept


def test_what_a_core_stores_is_by_the_cpu_of_all_behind_the_proxy() -> None:
    run = msgspec.structs.replace(ran(targets.OURS, "small", 0.4, done=2000), behind_cpu=1.6)

    assert named([run], "a core behind the proxy stores").found == pytest.approx(1250)
    assert named([run], "a core behind the proxy stores").kept


def test_without_the_bare_view_the_limit_is_as_it_was_set() -> None:
    assert named([ran(targets.OURS, "small", 0.5)], "proxy CPU, 0.4 KB requests").here == 0.4


@pytest.mark.parametrize(
    ("workload", "most"),
    [("burst", 100 + 8 / 16), ("paced5x500", 100 + 500 / 16), ("neighbour", 103.125 + 20e6 / 2**20)],
)
def test_a_stream_may_take_64_kib_and_a_body_under_way_its_size(workload: str, most: float) -> None:
    for peak, kept in ((most - 0.1, True), (most + 0.1, False)):
        assert named([ran(targets.OURS, workload, 1, peak=peak)], f"RSS, {workload}").kept is kept
