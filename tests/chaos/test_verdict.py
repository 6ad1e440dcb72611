"""The verdict finds every kind of loss, and only those: a judge that never convicts proves nothing."""

from dataclasses import replace

import msgspec
import pytest

from tests.chaos import verdict
from tests.chaos.kinds import DESCRIPTORS, DISK
from tests.chaos.life import Life, Trouble
from tests.chaos.load import Sent
from tests.chaos.verdict import Arrived, Stored, Sums
from tests.chaos.wishes import Wish

SENT = Sent("a", Wish("events=5"), "sha of the request", Life(), 200, "whole", "sha of the answer")
ARRIVED = Arrived("a", "sha of the request", "answered")
STORED = Stored("a", "complete", 200, "sha of the request", "sha of the answer")
LEAVER = replace(SENT, wish=Wish("events=5", outcome="client_left", leaves_after=1), ending="left")


def killed(sent: Sent) -> Sent:
    life = Life()
    life.killed = True
    return replace(sent, life=life)


def in_trouble(kind: str, sent: Sent) -> Sent:
    return replace(sent, life=Life([Trouble(kind, 0, 10)], killed=sent.life.killed), began=5, ended=6)


def sums(count: int, **others: int) -> Sums:
    whole = Sums(
        accepted=count,
        stored=count,
        waiting=0,
        dropped=0,
        gaps=0,
        rows=count,
        receipts=count,
        dead_letters=0,
        rolled_up=count,
        totalled=count,
        at=0,
    )
    return msgspec.structs.replace(whole, **others)


def judge(sent: Sent = SENT, arrived: Arrived = ARRIVED, stored: Stored = STORED) -> list[str]:
    return verdict.problems([sent], [arrived], [stored], sums(1))


def test_what_was_kept_is_no_problem() -> None:
    assert judge() == []


def test_a_request_that_reached_upstream_and_is_not_stored_is_found() -> None:
    assert verdict.problems([SENT], [ARRIVED], [], sums(0)) == ["a reached upstream and is not stored"]


def test_one_that_is_stored_twice_is_found() -> None:
    assert verdict.problems([SENT], [ARRIVED], [STORED, STORED], sums(2)) == ["a is stored 2 times"]


def test_one_that_reached_upstream_twice_is_found() -> None:
    assert verdict.problems([SENT], [ARRIVED, ARRIVED], [STORED], sums(1)) == ["a reached upstream 2 times"]


def test_one_that_nobody_sent_is_found() -> None:
    assert verdict.problems([], [], [STORED], sums(1)) == ["'a' was sent by no client"]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"outcome": "aborted"}, "its outcome is aborted and not complete"),
        ({"request": "other"}, "another request body is stored"),
        ({"response": "other"}, "another answer is stored"),
        ({"missing": "it was dropped"}, "a body is missing: it was dropped"),
    ],
)
def test_a_record_that_differs_is_found(stored: dict[str, str], words: str) -> None:
    [problem] = judge(stored=msgspec.structs.replace(STORED, **stored))

    assert words in problem


@pytest.mark.parametrize("seen", [{"ending": "failed", "status": 0}, {"ending": "broken"}, {"status": 503}])
def test_an_error_that_only_the_client_saw_is_found_unless_its_proxy_was_killed(seen: dict[str, str]) -> None:
    alive = replace(SENT, **seen)  # type: ignore[arg-type]  # fields of Sent

    assert any("its client saw" in problem for problem in judge(alive))
    assert any("its client saw" in problem for problem in judge(killed(alive))) == (alive.ending == "whole")


def test_an_exchange_of_a_killed_proxy_is_aborted_or_as_it_ended() -> None:
    broken = killed(replace(SENT, ending="broken"))

    assert judge(broken, stored=msgspec.structs.replace(STORED, outcome="aborted")) == []
    assert judge(broken) == []
    assert judge(broken, stored=msgspec.structs.replace(STORED, outcome="client_left"))


def test_what_a_client_saw_to_its_end_was_stored_before_its_proxy_was_killed() -> None:
    assert judge(killed(SENT), stored=msgspec.structs.replace(STORED, outcome="aborted"))


@pytest.mark.parametrize(
    ("upstream", "outcome", "right"),
    [
        ("client_left", "client_left", True),
        ("client_left", "complete", False),
        ("answered", "complete", True),
        ("answered", "aborted", False),
    ],
)
def test_a_client_that_left_is_stored_as_such_unless_it_was_answered(
    upstream: str, outcome: str, right: bool
) -> None:
    stored = msgspec.structs.replace(STORED, outcome=outcome)

    assert (judge(LEAVER, replace(ARRIVED, ending=upstream), stored) == []) is right


@pytest.mark.parametrize(
    "name",
    [
        "accepted",
        "stored",
        "waiting",
        "dropped",
        "gaps",
        "rows",
        "receipts",
        "dead_letters",
        "rolled_up",
        "totalled",
    ],
)
def test_a_sum_that_does_not_hold_is_found(name: str) -> None:
    problems = verdict.problems([SENT], [ARRIVED], [STORED], sums(1, **{name: 7}))

    assert any(problem.startswith(f"{name} is 7") for problem in problems)


def test_what_a_failing_disk_refused_may_be_missing_if_it_is_counted() -> None:
    refused = in_trouble(DISK, SENT)

    assert verdict.problems([refused], [ARRIVED], [], sums(0, accepted=1, dropped=1)) == []
    [problem] = verdict.problems([refused], [ARRIVED], [], sums(0))
    assert problem == "dropped is 0, and the disk refused 1 to 1 exchanges"
    assert judge(refused, stored=msgspec.structs.replace(STORED, missing="it was dropped")) == []
    assert judge(refused, stored=msgspec.structs.replace(STORED, request="other"))


def test_an_end_that_a_failing_disk_refused_is_written_later_and_must_not_be_lost() -> None:
    aborted = msgspec.structs.replace(STORED, outcome="aborted")

    assert judge(in_trouble(DISK, killed(SENT)), stored=aborted)


def test_long_before_and_behind_a_trouble_nothing_is_excused() -> None:
    for began, ended in ((-9, -8), (18, 19)):
        assert not replace(in_trouble(DISK, SENT), began=began, ended=ended).met(DISK)
    assert not in_trouble(DISK, SENT).met(DESCRIPTORS)


@pytest.mark.parametrize(
    ("seen", "right"),
    [
        ({"status": 502}, True),
        ({"ending": "failed", "status": 0}, True),
        ({"ending": "broken"}, False),
        ({"ending": "broken", "status": 502}, False),
        ({"status": 500}, False),
    ],
)
def test_a_proxy_without_descriptors_refuses_clearly_and_breaks_nothing(
    seen: dict[str, str], right: bool
) -> None:
    starved = in_trouble(DESCRIPTORS, replace(SENT, **seen))  # type: ignore[arg-type]  # fields of Sent
    refused = msgspec.structs.replace(STORED, outcome="upstream_error", status=502)

    assert (verdict.problems([starved], [], [refused], sums(1)) == []) is right


def test_one_that_never_reached_upstream_and_is_stored_as_complete_is_found() -> None:
    [problem] = verdict.problems([SENT], [], [STORED], sums(1))

    assert "never reached upstream" in problem
