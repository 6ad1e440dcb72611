from concurrent.futures import ThreadPoolExecutor

import pytest

from proxy.store.notifications.news import is_new_error, is_new_text
from proxy.store.notifications.redis_link import connection
from tests.notifications.stored import exchange, failure


def test_a_text_is_new_once(domain: str) -> None:
    assert is_new_text(exchange(domain))
    assert not is_new_text(exchange(domain))


def test_a_changed_text_is_new_and_so_is_the_first_one_after_it(domain: str) -> None:
    seen = [is_new_text(exchange(domain, user_text=text)) for text in ("go on", "stop", "go on", "go on")]

    assert seen == [True, True, True, False]


def test_texts_that_are_stored_out_of_their_order_are_told_as_if_they_came_in_it(domain: str) -> None:
    first, again, changed = (exchange(domain, user_text=text) for text in ("go on", "go on", "stop"))

    assert [is_new_text(item) for item in (first, changed, again)] == [True, True, False]
    assert [is_new_text(item) for item in (again, changed, first)] == [False] * 3


def test_two_parallel_sessions_do_not_make_each_other_new(domain: str) -> None:
    turns = [("one", "Fix the bug"), ("two", "Write a test")] * 3

    seen = [is_new_text(exchange(domain, session_id=session, user_text=text)) for session, text in turns]

    assert seen == [True, True, False, False, False, False]


def test_parallel_agents_of_one_session_do_not_make_each_other_new(domain: str) -> None:
    seen = [
        is_new_text(exchange(domain, user_text=text, first_user_text=text))
        for text in ("search src", "search tests") * 2
    ]

    assert seen == [True, True, False, False]


def test_without_a_session_the_first_text_tells_conversations_apart(domain: str) -> None:
    firsts = ("Hello", "Hi", "Hello")

    seen = [
        is_new_text(exchange(domain, session_id="", first_user_text=first, user_text="go on"))
        for first in firsts
    ]

    assert seen == [True, True, False]


def test_two_domains_share_no_memory(domain: str) -> None:
    assert is_new_text(exchange(domain))
    assert is_new_text(exchange(f"other-{domain}"))


@pytest.mark.parametrize("kind", ["query_evaluation", "quota", "count_tokens", "batch", "other"])
def test_only_inference_is_news(domain: str, kind: str) -> None:
    assert not is_new_text(exchange(domain, request_type=kind))
    assert not is_new_error(failure(domain, request_type=kind))


def test_an_empty_text_is_no_news(domain: str) -> None:
    assert not is_new_text(exchange(domain, user_text=" \n"))


def test_a_failed_request_does_not_use_its_text_up(domain: str) -> None:
    assert not is_new_text(failure(domain))
    assert is_new_text(exchange(domain))


def test_an_answer_that_the_client_left_is_told(domain: str) -> None:
    assert is_new_text(exchange(domain, outcome="client_left"))


@pytest.mark.parametrize("outcome", ["upstream_error", "upstream_cut", "aborted"])
def test_a_failure_is_an_error(domain: str, outcome: str) -> None:
    assert is_new_error(failure(domain, outcome=outcome))


def test_an_error_inside_a_stream_of_status_200_is_an_error(domain: str) -> None:
    overloaded = exchange(domain, error_type="overloaded_error", error_message="Overloaded")

    assert is_new_error(overloaded)
    assert not is_new_text(overloaded)


@pytest.mark.parametrize("outcome", ["refused", "client_left", "complete"])
def test_who_was_refused_or_left_makes_no_error(domain: str, outcome: str) -> None:
    assert not is_new_error(exchange(domain, outcome=outcome, status=401))


def test_an_error_that_repeats_is_told_once(domain: str) -> None:
    seen = [is_new_error(failure(domain)) for _ in range(3)]

    assert seen == [True, False, False]
    assert is_new_error(failure(domain, error_type="rate_limit_error", status=429))


def test_eight_workers_agree_on_who_tells(domain: str) -> None:
    with ThreadPoolExecutor(8) as workers:
        seen = list(workers.map(lambda _: is_new_text(exchange(domain)), range(40)))

    assert seen.count(True) == 1


def test_the_memory_expires_and_holds_no_text(domain: str) -> None:
    before = set(connection().scan_iter("nexus:slack:texts:*"))
    is_new_text(exchange(domain, user_text="a plain text"))

    (key,) = set(connection().scan_iter("nexus:slack:texts:*")) - before

    assert 0 < connection().ttl(key) <= 24 * 3600
    assert "plain" not in f"{key!r} {connection().zrange(key, 0, -1)!r}"
