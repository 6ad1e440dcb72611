"""Stops as a process knows them."""

from dataclasses import replace

from accounts.access.stops import MAX_SESSION, Stop, Stops

NOW = 1_000.0
STOP = Stop(1, "api.example", "session-1", "", "ann", NOW + 60)


def test_without_a_stop_no_session_is_looked_up() -> None:
    known = Stops()

    known.take([replace(STOP, exchange="0193a000-0000-7000-8000-000000000001")], NOW)

    assert not known.concern_sessions
    assert known.of_session("api.example", "session-1", NOW) is None


def test_a_session_is_stopped_in_its_domain_until_then() -> None:
    known = Stops()

    fresh = known.take([STOP], NOW)

    assert fresh == [STOP]
    assert known.concern_sessions
    assert known.of_session("api.example", "session-1", NOW + 59) == STOP
    assert known.of_session("api.example", "session-1", NOW + 60) is None
    assert known.of_session("api.example", "session-2", NOW) is None
    assert known.of_session("other.example", "session-1", NOW) is None


def test_an_id_counts_as_far_as_the_record_keeps_it() -> None:
    known = Stops()

    known.take([replace(STOP, session="s" * MAX_SESSION)], NOW)

    assert known.of_session("api.example", "s" * (MAX_SESSION + 9), NOW)


def test_what_is_heard_twice_is_new_once() -> None:
    known = Stops()
    known.take([STOP], NOW)

    assert known.take([STOP], NOW) == []


def test_a_lift_wins_in_whatever_order_they_come() -> None:
    lifted = replace(STOP, is_lifted=True)
    after, before = Stops(), Stops()

    after.take([STOP], NOW)
    after.take([lifted], NOW)
    before.take([lifted], NOW)
    fresh = before.take([STOP], NOW)

    assert after.of_session("api.example", "session-1", NOW) is None
    assert before.of_session("api.example", "session-1", NOW) is None
    assert fresh == []


def test_the_stop_that_ends_last_is_named() -> None:
    known = Stops()

    known.take([replace(STOP, id=2, by="bo", until=NOW + 900), STOP], NOW)

    found = known.of_session("api.example", "session-1", NOW)
    assert found is not None
    assert found.by == "bo"


def test_what_is_over_is_forgotten() -> None:
    known = Stops()
    known.take([STOP], NOW)

    known.take([], NOW + 60)

    assert not known.concern_sessions
    assert known.take([STOP], NOW + 61) == []
