import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.billing.understood import not_understood
from proxy.wire.billing.usage import merge

field_names = st.sampled_from(
    [
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_creation",
        "ephemeral_1h_input_tokens",
        "server_tool_use",
        "iterations",
        "type",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(field_names, inner, max_size=4),
    max_leaves=12,
)


def test_the_last_output_count_replaces_the_provisional_one() -> None:
    usage = merge({"input_tokens": 10, "output_tokens": 3}, {"output_tokens": 41})

    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 41, 51)


def test_zero_is_a_value_and_null_is_none() -> None:
    usage = merge(
        {"cache_read_input_tokens": 55_096, "input_tokens": 7},
        {"cache_read_input_tokens": 0, "input_tokens": None},
    )

    assert (usage.cache_read_tokens, usage.input_tokens) == (0, 7)


def test_fields_of_nested_objects_are_merged_one_by_one() -> None:
    usage = merge(
        {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 2}, "service_tier": "standard"},
        {"server_tool_use": {"web_search_requests": 4, "web_fetch_requests": None}, "speed": "fast"},
    )

    assert usage.server_tools == (("web_search", 4), ("web_fetch", 2))
    assert (usage.service_tier, usage.speed) == ("standard", "fast")


def test_the_cache_split_of_the_first_part_stays_beside_the_total_of_the_last() -> None:
    usage = merge(
        {"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}},
        {"cache_creation_input_tokens": 17_269},
    )

    assert usage.cache_write_tokens == 17_269
    assert (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens) == (0, 0)


def test_a_split_without_a_total_gives_the_total() -> None:
    usage = merge({"cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 6}})

    assert usage.cache_write_tokens == 11


def test_an_absent_split_is_unknown_and_not_zero() -> None:
    usage = merge({"cache_creation_input_tokens": 9})

    assert (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens) == (None, None)


def test_iterations_keep_their_type_model_and_usage() -> None:
    first, second = merge(
        {
            "iterations": [
                {"type": "message", "output_tokens": 155, "iterations": [{"type": "message"}]},
                {"type": "advisor_message", "model": "claude-fable-5", "input_tokens": 2564},
                "garbage",
            ]
        }
    ).iterations

    assert (first.type, first.model, first.usage.output_tokens, first.usage.iterations) == (
        "message",
        None,
        155,
        (),
    )
    assert (second.type, second.model, second.usage.input_tokens) == (
        "advisor_message",
        "claude-fable-5",
        2564,
    )


def test_the_raw_usage_keeps_fields_that_nexus_does_not_know() -> None:
    usage = merge({"inference_geo": "global", "new": {"a": 1}}, {"new": {"b": 2}, "inference_geo": None})

    assert usage.raw == {"inference_geo": "global", "new": {"a": 1, "b": 2}}


@pytest.mark.parametrize("garbage", [-1, 1.5, "7", True, 2**53, 10**40, [1], {"a": 1}])
def test_a_count_that_cannot_be_one_is_absent(garbage: object) -> None:
    assert merge({"input_tokens": garbage}).input_tokens == 0
    assert merge({"input_tokens": 5}, {"input_tokens": garbage}).input_tokens == 5


def test_an_object_is_not_replaced_by_something_else() -> None:
    usage = merge({"server_tool_use": {"web_search_requests": 1}}, {"server_tool_use": 5})

    assert usage.server_tools == (("web_search", 1),)


def test_a_server_tool_count_that_cannot_be_one_is_absent() -> None:
    assert merge({"server_tool_use": {"web_search_requests": "many"}}).server_tools == ()


def test_merging_leaves_the_parts_as_they_were() -> None:
    part = {"server_tool_use": {"web_search_requests": 1}}

    merge(part, {"server_tool_use": {"web_search_requests": 2}})

    assert part == {"server_tool_use": {"web_search_requests": 1}}


@given(st.lists(json_values, max_size=4))
def test_garbage_never_raises_and_counts_are_never_negative(parts: list[object]) -> None:
    usage = merge(*parts)

    assert min(usage.input_tokens, usage.output_tokens, usage.cache_write_tokens, usage.total_tokens) >= 0


def test_a_usage_that_is_far_too_long_is_not_read_and_leaves_a_mark() -> None:
    found = merge({"input_tokens": 3}, {"input_tokens": 4, "note": "x" * 200_000})

    assert found.input_tokens == 3
    assert not_understood(found.raw) == ["unreadable usage"]
