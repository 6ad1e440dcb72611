"""Which credential of several pays: the session's own, else the one with most left, never one that cools down."""

import json
import logging
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.access.decision import AccessCredential
from accounts.credentials.health import Health
from proxy.relay.credentials import updates as module
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.updates import HealthUpdates

NOW = 1_000_000.0
A, B, C = (
    AccessCredential("database", str(number), "api_key", f"sk-ant-api03-{number}", f"acc_{number}")
    for number in (1, 2, 3)
)
ALL = (A, B, C)


def used(share: float, reset: float = 4e9) -> httpx.Headers:
    prefix = "anthropic-ratelimit-unified-5h"
    return httpx.Headers({f"{prefix}-utilization": str(share), f"{prefix}-reset": str(reset)})


def make_pool(**shares: float) -> Pool:
    """A pool in which acc_1, acc_2, acc_3 have used so much, by their names a, b, c."""
    pool = Pool(HealthUpdates())
    for name, share in shares.items():
        pool.answered({"a": A, "b": B, "c": C}[name], 200, used(share), time.time())
    return pool


def cool(pool: Pool, credential: AccessCredential, seconds: float = 60, reason: str = "429") -> None:
    pool.failed(credential, reason, time.time() + seconds, time.time())


def test_the_one_with_most_left_is_chosen_and_the_order_breaks_a_tie() -> None:
    assert make_pool(a=0.5, b=0.2, c=0.2).choose("", ALL, NOW) is B
    assert make_pool().choose("", ALL, NOW) is A
    assert make_pool(a=0.5).choose("", ALL, NOW) is B


def test_a_sessions_own_credential_comes_first_unless_it_cools_down() -> None:
    pool, now = make_pool(b=0.1, a=0.2, c=0.3), time.time()
    assert pool.choose(C.key, ALL, now) is C
    cool(pool, C, 10)

    assert pool.choose(C.key, ALL, now) is B
    assert pool.choose(C.key, ALL, now + 20) is C
    assert pool.passed_over(ALL, frozenset({B.key}), now) == [B.name, f"{C.name} (429)"]


def test_when_all_cool_down_nobody_is_chosen_and_the_earliest_end_is_known() -> None:
    pool, now = make_pool(), time.time()
    for credential, seconds in ((A, 30), (B, 10), (C, 20)):
        cool(pool, credential, seconds, credential.account)

    assert pool.choose("", ALL, now) is None
    assert pool.probed(ALL, now) is None
    assert [breaker.reason for breaker in pool.cooling(ALL, now)] == ["acc_2", "acc_3", "acc_1"]


def test_a_half_open_one_is_probed_by_one_request_while_others_use_the_rest() -> None:
    pool, now = make_pool(b=0.5), time.time()
    cool(pool, A, 10)
    assert pool.choose("", (A, B), now + 11) is A
    pool.ask(A, now + 11)

    assert pool.choose("", (A, B), now + 11) is B
    assert pool.choose("", (A,), now + 11) is None
    assert pool.probed((A, B), now + 11) is pool._breakers[A.key]


@pytest.mark.parametrize(
    ("status", "well"), [(200, True), (400, True), (404, True), (403, False), (500, False), (503, False)]
)
def test_an_answer_that_shows_the_account_at_work_ends_its_cool_down(
    status: int, well: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexus.pool")
    pool = make_pool()
    cool(pool, A, 0.001)
    pool.ask(A, time.time() + 1)
    pool.answered(A, status, httpx.Headers(), time.time() + 1)

    assert (pool._breakers[A.key].until == 0) is well
    assert not pool.probed((A,), time.time() + 1)
    assert caplog.messages == ["pool.cooling"] + ["pool.recovered"] * well


def test_a_cool_down_is_logged_once_with_its_reason_and_without_the_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = make_pool()
    sent_at = time.time() - 1
    for _ in range(5):
        pool.failed(A, "429", time.time() + 60, sent_at)

    [line] = caplog.records
    assert (line.message, line.credential, line.reason) == ("pool.cooling", "database:acc_1", "429")  # type: ignore[attr-defined]  # extra
    assert A.secret not in str(line.__dict__)


def test_what_others_told_counts_unless_there_is_news_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nexus.pool")
    pool, now = make_pool(), time.time()
    cool(pool, B)
    pool.adopt(
        {A.key: Health(now + 50, "529", {"unified-5h": (0.8, 4e9)}), B.key: Health(), C.key: Health()}, now
    )

    assert [item.reason for item in pool.cooling(ALL, now)] == ["529", "429"]
    assert pool._updates.gauges[A.key] == {"unified-5h": (0.8, 4e9)}
    pool._updates.take()
    pool.adopt({A.key: Health(), B.key: Health()}, now)
    assert pool.cooling(ALL, now) == []
    assert caplog.messages == ["pool.cooling", "pool.recovered", "pool.recovered"]


def test_what_is_to_be_told_is_taken_once_and_can_be_given_back() -> None:
    updates = HealthUpdates()
    pool = Pool(updates)
    cool(pool, A)
    updates.answered(B.key, used(0.25))
    updates.failed(B.key, "the API answered 401")
    taken = updates.take()

    assert set(taken[A.key]) == {"cooling_until", "cooling_reason"}
    assert json.loads(str(taken[B.key]["gauges"])) == {"unified-5h": [0.25, 4e9]}
    assert taken[B.key]["error"] == "the API answered 401"
    assert updates.take() == {}
    updates.recovered(A.key)
    updates.give_back(taken)
    again = updates.take()
    assert (again[A.key]["cooling_until"], again[B.key]["error"]) == (None, "the API answered 401")


def test_windows_that_an_answer_does_not_name_stay_known() -> None:
    updates = HealthUpdates()
    updates.answered(A.key, used(0.25))
    updates.take()
    updates.answered(A.key, httpx.Headers({"anthropic-ratelimit-unified-7d-utilization": "0.5"}))
    updates.take()
    updates.answered(A.key, httpx.Headers())

    assert set(updates.take()[A.key]) == {"used_at"}
    assert updates.gauges[A.key] == {"unified-5h": (0.25, 4e9), "unified-7d": (0.5, 0.0)}


def test_each_response_since_the_last_choice_counts_for_the_next_one() -> None:
    pool, now = make_pool(), time.time()
    pool.answered(A, 200, used(0.9), now)
    pool.answered(A, 200, httpx.Headers({"anthropic-ratelimit-unified-7d-utilization": "0.1"}), now)
    pool.answered(B, 200, used(0.6), now)
    pool.answered(B, 200, used(0.5), now)
    pool.answered(C, 200, used(0.7), now)

    assert pool.choose("", ALL, now) is B
    pool.answered(B, 200, used(0.8), now)
    assert pool.choose("", ALL, now) is C


def test_responses_that_no_choice_reads_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNREAD", 3)
    updates = HealthUpdates()
    for share in (0.9, 0.5, 0.2, 0.7):
        updates.learn(A.key, used(share))

    assert updates.gauges[A.key] == {"unified-5h": (0.2, 4e9)}  # the fourth waits alone
    assert updates.gauges_of(A.key) == {"unified-5h": (0.7, 4e9)}


@given(
    cooling=st.sets(st.sampled_from(ALL)),
    shares=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    kept=st.sampled_from(ALL),
)
def test_the_choice_is_never_one_that_cools_and_is_the_best_of_the_others(
    cooling: set[AccessCredential], shares: list[float], kept: AccessCredential
) -> None:
    pool, now = Pool(HealthUpdates()), time.time()
    for credential, share in zip(ALL, shares, strict=True):
        pool._updates.gauges[credential.key] = {"unified-5h": (share, now + 99)}
        if credential in cooling:
            cool(pool, credential)
    chosen = pool.choose(kept.key, ALL, now)
    rest = [credential for credential in ALL if credential not in cooling]

    if not rest:
        assert chosen is None
    elif kept in rest:
        assert chosen is kept
    else:
        assert chosen in rest
        assert shares[ALL.index(chosen)] == min(shares[ALL.index(credential)] for credential in rest)
