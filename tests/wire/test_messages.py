import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.billing.usage import merge
from proxy.wire.messages import ResponseContent, ToolCall, read_response
from tests.wire.streams import NAMES, stream

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"


def read(name: str) -> ResponseContent:
    return read_response(200, SSE, stream(name))


def content(response: ResponseContent) -> list[dict[str, object]]:
    assert response.message is not None
    blocks = response.message["content"]
    assert isinstance(blocks, list)
    return blocks


def test_text_is_joined_and_the_last_usage_counts() -> None:
    response = read("text")

    assert content(response) == [{"type": "text", "text": "Hello! Grüße, 世界 🌍"}]
    assert (response.model, response.message_id, response.stop_reason) == (
        "claude-sonnet-4-20250514",
        "msg_01",
        "end_turn",
    )
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (25, 15)
    assert (response.streamed, response.finished, response.error_type) == (True, True, None)


def test_a_message_that_was_kept_with_its_streams_headers_is_read_as_a_message() -> None:
    response = read_response(200, SSE, b' {"type":"message","id":"msg_1","usage":{"input_tokens":3}}')

    assert (response.message_id, response.streamed) == ("msg_1", False)
    assert response.usage is not None
    assert response.usage.input_tokens == 3


def test_parallel_tools_have_their_input_parsed_and_no_arguments_mean_an_empty_object() -> None:
    response = read("parallel_tools")

    assert response.tools == (
        ToolCall("get_weather", "toolu_01", {"location": "San Francisco", "days": 3}),
        ToolCall("list_open_files", "toolu_02", {}),
    )
    assert [block["type"] for block in content(response)] == ["text", "tool_use", "tool_use"]


def test_predecessor_defect_17_thinking_keeps_its_signature() -> None:
    assert content(read("thinking"))[0] == {
        "type": "thinking",
        "thinking": "27 * 453 is 12231.",
        "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h",
    }


def test_predecessor_defect_17_redacted_thinking_is_kept_as_it_came() -> None:
    assert content(read("redacted_thinking"))[0] == {
        "type": "redacted_thinking",
        "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw",
    }


def test_server_tools_are_in_the_message_but_are_no_tool_calls() -> None:
    response = read("web_search")
    _, call, result, text = content(response)

    assert response.tools == ()
    assert (call["type"], call["input"]) == ("server_tool_use", {"query": "weather Graz"})
    assert (result["type"], result["tool_use_id"]) == ("web_search_tool_result", "srvtoolu_01")
    assert text["text"] == "It is clear, 21 degrees."
    assert isinstance(text["citations"], list)
    assert text["citations"][0]["title"] == "Graz"


def test_the_usage_after_server_tools_replaces_the_first_one() -> None:
    usage = read("web_search").usage

    assert usage is not None
    assert (usage.input_tokens, usage.cache_write_tokens, usage.cache_write_5m_tokens) == (404_500, 17_269, 0)
    assert usage.server_tools == (("web_search", 3), ("web_fetch", 0))
    assert usage.service_tier == "standard"


def test_compaction_keeps_the_summary_and_each_iteration() -> None:
    response = read("compaction")

    assert content(response)[0] == {
        "type": "compaction",
        "content": "The user asked for a greeting. Say hello.",
        "encrypted_content": "EqkBCiUI",
    }
    assert response.usage is not None
    assert [step.model for step in response.usage.iterations] == [None, "claude-sonnet-4-6"]
    assert response.usage.cache_read_tokens == 0


def test_an_error_in_mid_stream_is_an_error_with_what_came_before() -> None:
    response = read("error_midstream")

    assert (response.error_type, response.error_message) == ("overloaded_error", "Overloaded")
    assert not response.finished
    assert content(response) == [{"type": "text", "text": "Half a sen"}]
    assert response.usage is not None
    assert response.usage.input_tokens == 30


def test_unknown_blocks_deltas_and_fields_are_kept_and_text_is_not_taken_for_events() -> None:
    response = read("unknown_parts")
    hologram, text = content(response)

    assert hologram == {
        "type": "hologram",
        "shape": "cube",
        "deltas": [{"type": "hologram_delta", "edge": 1}, {"type": "hologram_delta", "edge": 2}],
    }
    assert str(text["text"]).endswith("says line\u2028one and line\u2029two")
    assert response.message is not None
    assert response.message["new_field"] == {"kept": True}
    assert response.finished


def test_a_legacy_completion_stream_with_crlf_is_read() -> None:
    response = read("legacy_complete")

    assert response.message is not None
    assert response.message["completion"] == " Hello!"
    assert (response.model, response.stop_reason, response.finished) == ("claude-2.1", "stop_sequence", True)
    assert response.usage is None


def test_a_rebuilt_message_read_as_json_gives_the_same_answer() -> None:
    streamed = read("parallel_tools")

    plain = read_response(200, JSON, json.dumps(streamed.message).encode())

    assert (plain.message, plain.usage, plain.tools) == (streamed.message, streamed.usage, streamed.tools)
    assert (plain.streamed, plain.finished) == (False, True)


def test_tool_input_that_was_cut_off_stays_as_text() -> None:
    whole = stream("parallel_tools")

    response = read_response(200, SSE, whole[: whole.index(b"ncisco")])

    assert response.tools == (ToolCall("get_weather", "toolu_01", {}),)
    assert content(response)[1]["partial_json"] == '{"location": "San Fra'
    assert not response.finished


def test_input_that_came_with_the_start_of_a_block_stays() -> None:
    start = b'data: {"type":"content_block_start","content_block":{"type":"tool_use","input":{"a":1}}}\n\n'
    delta = b'data: {"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":""}}\n\n'

    assert read_response(200, SSE, start + delta).tools == (ToolCall("", "", {"a": 1}),)


def test_an_empty_delta_for_an_unknown_block_means_an_empty_input() -> None:
    delta = b'data: {"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":""}}\n\n'

    assert content(read_response(200, SSE, delta)) == [{"input": {}}]


def test_an_error_body_gives_its_type_and_message() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"},"request_id":"req_1"}'

    response = read_response(429, JSON, body)

    assert (response.error_type, response.error_message) == ("rate_limit_error", "Slow down")
    assert (response.model, response.usage, response.finished) == (None, None, True)


def test_an_error_body_without_a_type_is_an_error_all_the_same() -> None:
    assert read_response(502, JSON, b'{"error":{"message":"no"}}').error_type == "error"
    assert read_response(502, JSON, b'{"error":{"message":"no"}}').error_message == "no"


def test_a_counted_prompt_is_no_usage() -> None:
    response = read_response(200, JSON, b'{"input_tokens":1581}')

    assert (response.counted_tokens, response.usage) == (1581, None)


def test_the_id_of_a_file_is_no_message_id() -> None:
    assert read_response(200, JSON, b'{"type":"file","id":"file_1"}').message_id is None


def test_a_json_body_that_ends_too_early_is_not_finished() -> None:
    response = read_response(200, JSON, b'{"type":"message","id":"msg_1","con')

    assert (response.message, response.finished) == (None, False)


def test_a_download_is_finished_whatever_it_holds() -> None:
    assert read_response(200, "application/x-jsonl", b'{"a":1}\n{"a":2}\n').finished
    assert read_response(200, "application/octet-stream", b"\x00\xff").finished


def test_a_stream_whose_content_type_was_lost_is_recognised() -> None:
    assert read_response(200, "", stream("text")).streamed


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_cut_at_any_byte_is_read_as_far_as_it_goes(name: str) -> None:
    whole = stream(name)

    for end in range(0, len(whole), 7):
        response = read_response(200, SSE, whole[:end])
        assert response.streamed
        assert response.usage is None or response.usage == merge(response.usage.raw)


def test_an_empty_stream_holds_no_message() -> None:
    assert read_response(200, SSE, b"") == ResponseContent(streamed=True)


events = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "error",
        "completion",
        "x",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "index", "delta", "message", "content_block", "usage", "text", "error"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.tuples(events, st.dictionaries(st.sampled_from(["index", "delta", "message"]), values))))
def test_events_with_garbage_never_raise(parts: list[tuple[str, dict[str, object]]]) -> None:
    body = "".join(f"data: {json.dumps({'type': name, **fields})}\n\n" for name, fields in parts)

    assert read_response(200, SSE, body.encode()).streamed


@given(st.binary(max_size=200), st.sampled_from([JSON, SSE, "text/html", ""]))
def test_any_bytes_are_read_without_raising(body: bytes, content_type: str) -> None:
    assert read_response(500, content_type, body).counted_tokens is None


def test_details_of_a_stop_that_are_far_too_long_are_not_kept() -> None:
    def read_details(explanation: str) -> object:
        message = {"type": "message", "stop_details": {"category": "cyber", "explanation": explanation}}
        return read_response(200, JSON, json.dumps(message).encode()).stop_details

    assert read_details("short") == {"category": "cyber", "explanation": "short"}
    assert read_details("x" * 200_000) is None


def test_a_stream_of_far_too_many_events_is_not_rebuilt_and_nobody_says_that_it_has_no_end() -> None:
    events = b'event: ping\ndata: {"type":"ping"}\n\n'
    found = read_response(200, SSE, stream("text") + events * 200_001)

    assert (found.streamed, found.finished, found.message, found.usage) == (True, True, None, None)
    assert read_response(200, SSE, stream("text") + events * 1000).message is not None
