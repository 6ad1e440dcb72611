import time

import anthropic
import httpx
import pytest
from anthropic import Anthropic

from nexus_project.demo.emulator import Emulator, Script
from nexus_project.demo.emulator.api.directives import Directives, parse
from nexus_project.demo.serving import Running
from tests.demo.conftest import ASK


def emulate(words: str) -> dict[str, str]:
    return {"x-emulate": words}


def streamed(http: httpx.Client, words: str) -> bytes:
    return http.post("/v1/messages", json={**ASK, "stream": True}, headers=emulate(words)).content


def test_all_words_are_read() -> None:
    wishes = parse(
        "status=529,retry-after=7, delay-ms=300, event-delay-ms=20, events=200, split=random:4, cut-after=5,"
        "error-event-after=3, stall-ms=500@4, size=10, tool=A, tool=B, thinking, empty, gzip, redirect,"
        "head-cut, big-headers=9, script=key, error-code=ramp_limit_exceeded, refusal=bio, compaction,"
        "prompt-tokens=120000, priority, thinking-dropped,"
    )

    assert wishes == Directives(
        status=529,
        retry_after="7",
        delay_ms=300,
        event_delay_ms=20,
        events=200,
        split="random:4",
        cut_after=5,
        error_event_after=3,
        stall=(500, 4),
        size=10,
        tools=("A", "B"),
        thinking=True,
        empty=True,
        gzip=True,
        redirect=True,
        head_cut=True,
        big_headers=9,
        script="key",
        error_code="ramp_limit_exceeded",
        refusal="bio",
        compaction=True,
        prompt_tokens=120_000,
        priority=True,
        thinking_dropped=True,
    )


@pytest.mark.parametrize(
    "words", ["nonsense", "status=x", "gzip=1", "tool=", "stall-ms=5", "split=half", "refusal=rude"]
)
def test_a_word_that_cannot_be_read_is_named(http: httpx.Client, words: str) -> None:
    response = http.post("/v1/messages", json=ASK, headers=emulate(words))

    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert "known words: big-headers" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, anthropic.BadRequestError, "false"),
        (401, anthropic.AuthenticationError, "false"),
        (403, anthropic.PermissionDeniedError, "false"),
        (404, anthropic.NotFoundError, "false"),
        (429, anthropic.RateLimitError, "true"),
        (500, anthropic.InternalServerError, "true"),
        (529, anthropic.OverloadedError, "true"),
    ],
)
def test_an_asked_status_raises_the_sdk_s_class(
    client: Anthropic, status: int, kind: type[anthropic.APIStatusError], retry: str
) -> None:
    with pytest.raises(kind) as raised:
        client.messages.create(**ASK, extra_headers=emulate(f"status={status}, retry-after=7"))

    assert raised.value.response.headers["x-should-retry"] == retry
    assert raised.value.response.headers["retry-after"] == "7"


def test_an_error_names_its_cause_for_programs_where_one_is_asked_for(client: Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError) as raised:
        client.messages.create(**ASK, extra_headers=emulate("status=429, error-code=ramp_limit_exceeded"))

    assert raised.value.error_code == "ramp_limit_exceeded"


def test_a_status_without_an_error_has_no_body(http: httpx.Client) -> None:
    response = http.get("/v1/models", headers=emulate("status=202"))

    assert (response.status_code, response.content) == (202, b"")


def test_a_redirect_leads_elsewhere(http: httpx.Client) -> None:
    response = http.get("/v1/models", headers=emulate("redirect"))

    assert response.status_code == 307
    assert response.headers["location"].endswith("/elsewhere")


@pytest.mark.parametrize(
    "words", ["split=1", "split=whole", "split=random:3", "gzip", "gzip, split=random:9"]
)
def test_cuts_and_packing_do_not_change_the_stream(http: httpx.Client, words: str) -> None:
    def without_ids(stream: bytes) -> list[bytes]:
        return [event for event in stream.split(b"\n\n") if b"message_start" not in event]

    assert without_ids(streamed(http, words)) == without_ids(streamed(http, ""))


def test_gzip_is_said_in_the_header(http: httpx.Client) -> None:
    response = http.get("/v1/models", headers={**emulate("gzip"), "accept-encoding": "identity"})

    assert response.headers["content-encoding"] == "gzip"
    assert response.json()["data"]


def test_a_cut_stream_has_its_first_events_and_no_end(
    http: httpx.Client, emulator: Running[Emulator]
) -> None:
    got: list[bytes] = []
    body = {**ASK, "stream": True}
    with (
        http.stream("POST", "/v1/messages", json=body, headers=emulate("cut-after=4")) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        got.extend(response.iter_raw())

    assert b"".join(got).count(b"\n\n") == 4
    assert emulator.app.log.settled(1)[0].outcome == "cut"


def test_a_plain_answer_is_cut_after_so_many_bytes(http: httpx.Client) -> None:
    with (
        http.stream("GET", "/v1/models", headers=emulate("cut-after=9")) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        response.read()


def test_a_cut_head_leaves_no_answer(http: httpx.Client, emulator: Running[Emulator]) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/v1/models", headers=emulate("head-cut"))

    entry = emulator.app.log.settled(1)[0]
    assert (entry.outcome, entry.status) == ("cut", None)


def test_an_error_event_ends_a_stream(client: Anthropic) -> None:
    with (
        client.messages.stream(**ASK, extra_headers=emulate("error-event-after=3")) as events,
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
    ):
        events.until_done()


def test_pauses_are_kept(http: httpx.Client) -> None:
    started = time.monotonic()
    streamed(http, "delay-ms=100, stall-ms=100@3, split=random:1")
    streamed(http, "events=5, event-delay-ms=10")

    assert time.monotonic() - started > 0.25


def test_a_stall_after_the_end_changes_nothing(http: httpx.Client) -> None:
    assert streamed(http, "stall-ms=60000@9999").endswith(b"\n\n")


def test_the_number_of_events_and_the_size_of_the_text_are_obeyed(client: Anthropic) -> None:
    with client.messages.stream(**ASK, extra_headers=emulate("events=77")) as events:
        deltas = [event for event in events if event.type == "content_block_delta"]
    sized = client.messages.create(**ASK, extra_headers=emulate("size=20000"))

    assert len(deltas) == 77
    assert sized.content[0].type == "text"
    assert len(sized.content[0].text) == 20_000


def test_an_empty_answer_and_a_thinking_one_can_be_asked_for(client: Anthropic) -> None:
    empty = client.messages.create(**ASK, extra_headers=emulate("empty"))
    thinking = client.messages.create(**ASK, extra_headers=emulate("thinking"))

    assert (empty.content, empty.stop_reason) == ([], "end_turn")
    assert thinking.content[0].type == "thinking"


def test_a_tool_is_called_by_name_even_if_nobody_offered_it(client: Anthropic) -> None:
    response = client.messages.create(**ASK, extra_headers=emulate("tool=Bash, tool=mystery"))

    calls = {block.name: block.input for block in response.content if block.type == "tool_use"}
    assert calls["Bash"].keys() == {"command", "description"}
    assert calls["mystery"] == {}


def test_a_call_without_arguments_streams_only_the_empty_delta(http: httpx.Client) -> None:
    stream = streamed(http, "tool=mystery")

    assert stream.count(b'"partial_json":""') == stream.count(b"input_json_delta") == 1


def test_big_headers_have_the_asked_size(client: Anthropic) -> None:
    raw = client.messages.with_raw_response.create(**ASK, extra_headers=emulate("big-headers=9000"))

    made_up = [value for name, value in raw.headers.items() if name.startswith("x-emulated-")]
    assert [len(value) for value in made_up] == [4000, 4000, 1000]


def test_an_exact_script_answers_any_method_and_path(http: httpx.Client, emulator: Running[Emulator]) -> None:
    headers = (("x-twice", "a"), ("x-twice", "b"))
    emulator.app.script("k", Script(299, headers, (b"ab\xff", b"c"), pauses=(0, 0.01)))

    response = http.request("PATCH", "/anything", headers=emulate("script=k"))

    assert (response.status_code, response.content) == (299, b"ab\xffc")
    assert response.headers.get_list("x-twice") == ["a", "b"]
    assert "request-id" not in response.headers


def test_an_unknown_script_is_refused(http: httpx.Client) -> None:
    assert "no script 'x'" in http.get("/", headers=emulate("script=x")).text
