"""Which model calls an answer is billed for."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.billing.calls import Call, calls_of
from proxy.wire.billing.refusals import NOT_REPORTED, SERVED, Attempts, Hop
from proxy.wire.billing.usage import Usage, merge

MODEL, OTHER, THIRD = "claude-opus-5-5", "claude-fable-5-2", "claude-sonnet-5-5"


def entry(kind: str, fresh: int = 0, out: int = 0, written: int = 0, **more: object) -> dict[str, object]:
    counts = {"input_tokens": fresh, "output_tokens": out, "cache_creation_input_tokens": written}
    return {"type": kind, "cache_read_input_tokens": 0, **counts, **more}


def usage(fresh: int, out: int, *iterations: dict[str, object], written: int = 0, hour: int = 0) -> Usage:
    split = {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour}
    return merge(entry("", fresh, out, written, cache_creation=split, iterations=list(iterations)))


def found(reported: Usage, attempts: Attempts | None = None) -> list[tuple[str, str, int, str]]:
    calls = calls_of(reported, MODEL, attempts or Attempts())
    return [(call.model, call.kind, call.input_tokens, call.refusal) for call in calls]


def test_an_answer_without_iterations_is_one_call() -> None:
    assert calls_of(usage(5, 6, written=7, hour=3), MODEL) == [Call(MODEL, 5, 6, 0, 4, 3, 12)]


def test_messages_that_add_up_are_calls_of_their_own() -> None:
    reported = usage(300, 2, entry("message", 100, 1), entry("message", 200, 1, model=MODEL))

    assert found(reported) == [(MODEL, "", 100, ""), (MODEL, "", 200, "")]
    assert [call.prompt_tokens for call in calls_of(reported, MODEL)] == [100, 200]


def test_a_dated_name_is_the_same_model() -> None:
    reported = usage(300, 1, entry("message", 300, 1, model=f"{MODEL}-20260922"))

    assert found(reported) == [(f"{MODEL}-20260922", "", 300, "")]


def test_messages_that_do_not_add_up_leave_the_top_level_as_one_call() -> None:
    assert found(usage(300, 2, entry("message", 100, 1))) == [(MODEL, "", 300, "")]


def test_what_is_not_in_the_top_level_comes_on_top() -> None:
    reported = usage(
        100,
        1,
        entry("message", 100, 1),
        entry("compaction", 7, 8),
        entry("advisor_message", 9, 10, model=OTHER),
        entry("thought_of_later", 11, 0),
    )

    assert found(reported) == [
        (MODEL, "", 100, ""),
        (MODEL, "compaction", 7, ""),
        (OTHER, "advisor", 9, ""),
        (MODEL, "thought_of_later", 11, ""),
    ]


def test_a_declined_attempt_ends_as_its_hop_tells() -> None:
    reported = usage(
        100, 1, entry("message", 50, 0, model=OTHER), entry("fallback_message", 100, 1, model=MODEL)
    )

    assert found(reported, Attempts(hops=[Hop(OTHER, "cyber")])) == [
        (MODEL, "", 100, ""),
        (OTHER, "declined", 50, "cyber"),
    ]
    # The client may have asked by an alias: then the order tells.
    assert found(reported, Attempts(hops=[Hop("best", "bio")]))[1] == (OTHER, "declined", 50, "bio")
    assert found(reported, Attempts())[1] == (OTHER, "declined", 50, NOT_REPORTED)


def test_each_of_several_attempts_has_its_own_hop() -> None:
    reported = usage(
        100,
        1,
        entry("message", 50, 0, model=OTHER),
        entry("message", 60, 0, model=THIRD),
        entry("fallback_message", 100, 1, model=MODEL),
    )

    calls = found(reported, Attempts(hops=[Hop("best", "cyber"), Hop(THIRD, SERVED)]))

    assert calls[1:] == [(OTHER, "declined", 50, "cyber"), (THIRD, "declined", 60, SERVED)]


def test_the_model_that_took_over_may_have_called_tools_before() -> None:
    reported = usage(
        150, 2, entry("message", 50, 1, model=MODEL), entry("fallback_message", 100, 1, model=MODEL)
    )

    assert found(reported) == [(MODEL, "", 50, ""), (MODEL, "", 100, "")]


def test_a_fallback_that_does_not_add_up_drops_nothing() -> None:
    reported = usage(
        999, 2, entry("message", 50, 1, model=OTHER), entry("fallback_message", 100, 1, model=MODEL)
    )

    assert found(reported) == [(MODEL, "", 999, ""), (OTHER, "declined", 50, NOT_REPORTED)]


def test_the_last_attempts_refusal_is_that_of_the_answers_own_calls() -> None:
    reported = usage(100, 0, entry("message", 100, 0), entry("compaction", 5, 5))

    assert found(reported, Attempts("cyber")) == [(MODEL, "", 100, "cyber"), (MODEL, "compaction", 5, "")]


def hours(reported: Usage) -> list[int]:
    return [call.cache_write_1h_tokens for call in calls_of(reported, MODEL)]


def test_a_surplus_of_writes_for_an_hour_goes_to_the_calls_in_order() -> None:
    first, second = entry("message", 0, 0, 10), entry("message", 0, 0, 20)

    assert hours(usage(0, 0, first, second, written=30, hour=4)) == [4, 0]
    assert hours(usage(0, 0, first, second, written=30, hour=14)) == [10, 4]
    assert hours(usage(0, 0, first, second, written=30, hour=30)) == [10, 20]


def test_a_call_that_tells_its_own_split_keeps_it() -> None:
    own = {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 0}
    reported = usage(
        0, 0, entry("message", 0, 0, 10, cache_creation=own), entry("message", 0, 0, 20), written=30, hour=7
    )

    assert hours(reported) == [0, 7]


@given(
    entries=st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=5
    ),
    hour=st.integers(0, 300),
)
def test_no_token_is_lost_or_counted_twice(entries: list[tuple[int, int, int]], hour: int) -> None:
    fresh, out, written = (sum(column) for column in zip(*entries, strict=True))
    reported = usage(
        fresh, out, *(entry("message", *part) for part in entries), written=written, hour=min(hour, written)
    )

    calls = calls_of(reported, MODEL)

    assert len(calls) == len(entries)
    assert sum(call.input_tokens for call in calls) == fresh
    assert sum(call.cache_write_1h_tokens for call in calls) == min(hour, written)
    assert sum(call.tokens.cache_write for call in calls) == written
    assert all(call.cache_write_5m_tokens >= 0 for call in calls)
