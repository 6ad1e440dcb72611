from typing import Any

import anthropic
import httpx
import pytest
from anthropic import Anthropic, AsyncAnthropic

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from tests.demo.conftest import ASK, KEY

TOOLS: list[Any] = [
    {
        "name": name,
        "description": "",
        "input_schema": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["celsius"]},
                "days": {"type": "integer"},
                "share": {"type": "number"},
                "exact": {"type": "boolean"},
                "hours": {"type": "array", "items": {"type": "integer"}},
                "place": {"type": "object", "properties": {"zip": {"type": "string"}}},
            },
        },
    }
    for name in ("get_weather", "get_time")
]


def asking(text: str, **more: object) -> dict[str, Any]:
    return {**ASK, "messages": [{"role": "user", "content": text}], **more}


def test_a_question_gets_a_text_with_usage(client: Anthropic) -> None:
    response = client.messages.create(**ASK)

    assert response.id.startswith("msg_01")
    assert response.stop_reason == "end_turn"
    assert response.content[0].type == "text"
    assert response.usage.output_tokens > 10
    assert response._request_id is not None
    assert response._request_id.startswith("req_01")


def test_the_same_question_gets_the_same_words(client: Anthropic) -> None:
    first, second = (client.messages.create(**ASK) for _ in range(2))

    assert first.content[0] == second.content[0]
    assert first.id != second.id


def test_a_stream_adds_up_to_what_the_plain_answer_says(client: Anthropic) -> None:
    with client.messages.stream(**ASK) as events:
        kinds = [event.type for event in events]
        streamed = events.get_final_message()

    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert streamed.stop_reason == "end_turn"
    assert streamed.usage.output_tokens > streamed.usage.input_tokens > 1


async def test_the_async_client_streams_text(emulator: Running[Emulator]) -> None:
    async with (
        AsyncAnthropic(api_key=KEY, base_url=emulator.url, max_retries=0) as client,
        client.messages.stream(**ASK) as events,
    ):
        text = "".join([fragment async for fragment in events.text_stream])
        assert text == await events.get_final_text()


def test_thinking_comes_first_and_is_signed(client: Anthropic) -> None:
    with client.messages.stream(**ASK, thinking={"type": "enabled", "budget_tokens": 1024}) as events:
        response = events.get_final_message()

    thinking = response.content[0]
    assert thinking.type == "thinking"
    assert thinking.thinking
    assert thinking.signature
    assert response.usage.output_tokens_details is not None
    assert 0 < response.usage.output_tokens_details.thinking_tokens < response.usage.output_tokens


def test_a_question_that_names_two_tools_calls_both_at_once(client: Anthropic) -> None:
    with client.messages.stream(**asking("Weather and time in Lisbon?", tools=TOOLS)) as events:
        response = events.get_final_message()

    calls = [block for block in response.content if block.type == "tool_use"]
    assert response.stop_reason == "tool_use"
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert calls[0].input.keys() == TOOLS[0]["input_schema"]["properties"].keys()
    assert len({call.id for call in calls}) == 2


def test_tool_results_are_answered_with_text(client: Anthropic) -> None:
    question = asking("Weather in Lisbon?", tools=TOOLS)
    called = client.messages.create(**question)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "21"}
        for block in called.content
        if block.type == "tool_use"
    ]
    turns: list[Any] = [
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": results},
    ]

    closing = client.messages.create(**{**question, "messages": question["messages"] + turns})

    assert [block.type for block in closing.content] == ["text"]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "any"}, ["get_weather"]),
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
        ({"type": "tool", "name": "get_time"}, ["get_time"]),
    ],
)
def test_tool_choice_is_obeyed(client: Anthropic, choice: Any, called: list[str]) -> None:
    response = client.messages.create(**asking("Say hello.", tools=TOOLS, tool_choice=choice))

    assert [block.name for block in response.content if block.type == "tool_use"] == called


def test_the_final_input_of_a_web_search_exceeds_that_of_its_start(client: Anthropic) -> None:
    tool: Any = {"type": "web_search_20250305", "name": "web_search"}
    with client.messages.stream(**ASK, tools=[tool]) as events:
        start = next(event.message for event in events if event.type == "message_start")
        first = start.usage.input_tokens
        response = events.get_final_message()

    kinds = [block.type for block in response.content]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text"]
    assert response.usage.input_tokens > first + 4000
    assert response.usage.server_tool_use is not None
    assert response.usage.server_tool_use.web_search_requests == 1
    text = response.content[2]
    assert text.type == "text"
    assert text.citations


def test_one_token_of_room_ends_with_max_tokens(client: Anthropic) -> None:
    response = client.messages.create(**{**ASK, "max_tokens": 1})

    assert response.stop_reason == "max_tokens"
    assert response.usage.output_tokens == 1


def test_counted_tokens_are_those_of_the_answer(client: Anthropic) -> None:
    counted = client.messages.count_tokens(model=ASK["model"], messages=ASK["messages"])

    assert counted.input_tokens == client.messages.create(**ASK).usage.input_tokens


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"messages": []}, anthropic.BadRequestError, "at least one message"),
        ({"messages": [{"role": "robot", "content": ""}]}, anthropic.BadRequestError, "messages.0.role"),
        ({"messages": ["hello"]}, anthropic.BadRequestError, "messages: Field required"),
        ({"model": ""}, anthropic.BadRequestError, "model: Field required"),
        ({"model": "gpt"}, anthropic.NotFoundError, "model: gpt"),
        ({"extra_body": {"max_tokens": None}}, anthropic.BadRequestError, "max_tokens"),
    ],
)
def test_a_malformed_request_is_refused_as_the_api_does(
    client: Anthropic, change: dict[str, Any], kind: type[anthropic.APIStatusError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        client.messages.create(**{**ASK, **change})


def test_a_body_that_is_no_json_object_is_refused(http: httpx.Client) -> None:
    assert http.post("/v1/messages", content=b"{").status_code == 400
    assert http.post("/v1/messages", content=b"[1]").status_code == 400


def test_a_refused_stream_is_answered_with_plain_json(http: httpx.Client) -> None:
    response = http.post("/v1/messages", json={**ASK, "messages": [], "stream": True})

    assert response.headers["content-type"] == "application/json"
    assert response.json()["request_id"] == response.headers["request-id"]


def test_a_body_over_32_mib_is_too_large(http: httpx.Client) -> None:
    response = http.post("/v1/messages", content=bytes(32 * 1024 * 1024 + 1))

    assert response.status_code == 413
    assert response.json()["error"]["type"] == "request_too_large"
