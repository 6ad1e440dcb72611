"""A runaway agent ends within a second, in every process: what its client reads, what the record says, and what comes next."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

import anthropic
import httpx
import pytest
from anthropic.types import MessageParam

from nexus_project.demo.script import Script
from tests.flow.conftest import Nexus
from tests.flow.operator import manage
from tests.flow.services import Process, wait_for

QUESTION: MessageParam = {"role": "user", "content": "Go on for ever."}
ASK = {"model": "claude-sonnet-5", "max_tokens": 500, "stream": True, "messages": [QUESTION]}
SLOW = "events=2000,event-delay-ms=50"
BY_REDIS, BY_SNAPSHOT = 1.0, 2.0
BUSY_SECONDS = (
    4.0  # what a machine with other work may add; where it counts, the best of TRIES has to do without
)
TRIES = 4


@pytest.fixture(scope="module")
def two(make_nexus: Callable[..., Nexus]) -> Nexus:
    """Two processes on one port."""
    made = make_nexus(PROXY_WORKERS="2")
    add_ann(made)
    return made


def add_ann(nexus: Nexus) -> None:
    made = manage(nexus, "shell", "--no-imports", "-c", ANN)
    assert made.returncode == 0, made.stderr


ANN = "from django.contrib.auth.models import User; User.objects.create_superuser('ann')"


def stop(nexus: Nexus, *words: str, minutes: int = 15) -> float:
    """Stop it as an operator does; the moment of the stop."""
    domain = nexus.url.removeprefix("http://")  # as a client that calls an address names its host
    made = manage(nexus, "stop", "add", domain, *words, "--minutes", str(minutes), "--by", "ann", "--json")
    assert made.returncode == 0, made.stderr
    [row] = json.loads(made.stdout)["stops"]
    return datetime.fromisoformat(row["stopped_at"]).timestamp()


def headers(session: str, emulate: str = SLOW, **more: str) -> dict[str, str]:
    return {
        "anthropic-version": "2023-06-01",
        "x-claude-code-session-id": session,
        "x-emulate": emulate,
        "accept-encoding": "identity",
        **more,
    }


class Stream:
    """A client that reads a response to its end, in a thread of its own."""

    def __init__(self, nexus: Nexus, sent: dict[str, str], ask: dict[str, Any] = ASK) -> None:
        self.body = b""
        self.status = 0
        self.exchange = ""
        self.response_headers = httpx.Headers()
        self.broke: Exception | None = None
        self.ended_at = 0.0
        self._url, self._sent, self._ask = nexus.url, sent, ask
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            with httpx.stream(
                "POST", f"{self._url}/v1/messages", json=self._ask, headers=self._sent, timeout=60
            ) as response:
                self.status, self.response_headers = response.status_code, response.headers
                self.exchange = response.headers["x-nexus-id"]
                for piece in response.iter_raw():
                    self.body += piece
        except httpx.RemoteProtocolError as error:
            self.broke = error
        self.ended_at = time.time()

    def end(self) -> float:
        self.thread.join(10)
        assert self.ended_at, "it goes on"
        return self.ended_at


@pytest.fixture
def session() -> str:
    return str(uuid4())


def test_a_session_ends_in_every_process_within_a_second(two: Nexus, session: str) -> None:
    spared = Stream(two, headers("another session", "events=400,event-delay-ms=50"))
    took: list[float] = []
    while not took or (min(took) > BY_REDIS and len(took) < TRIES):
        tried = f"{session}-{len(took)}"
        streams = [Stream(two, headers(tried)) for _ in range(8)]
        wait_for(lambda all_of=[*streams, spared]: all(len(stream.body) > 2000 for stream in all_of))  # type: ignore[misc]
        stopped_at = stop(two, tried)
        took.append(max(stream.end() - stopped_at for stream in streams))

    assert min(took) < BY_REDIS, took
    for stream in streams:
        assert stream.broke is None
        *_, last, rest = stream.body.split(b"\n\n")
        name, data = last.split(b"\n")
        assert (name, rest) == (b"event: error", b"")
        error = json.loads(data.removeprefix(b"data: "))
        assert (error["type"], error["error"]["type"]) == ("error", "permission_error")
        assert error["error"]["message"].startswith("ann stopped this session in Nexus until ")
    assert not spared.ended_at
    row = two.stored(streams[0].exchange)
    assert (row["outcome"], row["error_type"], row["error_message"]) == (
        "aborted",
        "stopped",
        "Stopped by ann.",
    )
    assert row["response_bytes"] == streams[0].body.index(b"event: error")


def test_the_sdk_raises_what_it_reads_and_its_next_request_is_refused_once(two: Nexus, session: str) -> None:
    sent = {"x-claude-code-session-id": session, "x-emulate": SLOW, "accept-encoding": "identity"}
    with anthropic.Anthropic(
        api_key="sk-ant-api03-own", base_url=two.url, default_headers=sent, max_retries=5
    ) as client:
        heard: list[str] = []

        def read() -> None:
            with client.messages.stream(
                model="claude-sonnet-5", max_tokens=500, messages=[QUESTION]
            ) as stream:
                heard.extend(stream.text_stream)

        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read)
            time.sleep(1)
            stop(two, session)
            with pytest.raises(anthropic.APIStatusError, match="ann stopped this session") as ended:
                reading.result(30)
        before = time.monotonic()
        with pytest.raises(anthropic.PermissionDeniedError, match="refused until then") as refused:
            client.messages.create(model="claude-sonnet-5", max_tokens=10, messages=[QUESTION])
        took = time.monotonic() - before

    assert isinstance(ended.value.body, dict)
    assert ended.value.body["error"]["type"] == "permission_error"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert took < 5, "it tried again"
    row = two.stored(refused.value.response.headers["x-nexus-id"])
    assert (row["outcome"], row["status"]) == ("refused", 403)


def test_a_lift_lets_the_session_go_on(two: Nexus, session: str) -> None:
    stop(two, session)
    sent = headers(session, "events=1")
    with two.client() as client:
        refused = client.post("/v1/messages", json=ASK, headers=sent).status_code
        [row] = two.rows("SELECT id FROM accounts_stop WHERE session_id = %s", session)
        manage(two, "stop", "lift", str(row["id"]), "--by", "ann")
        time.sleep(0.5)
        passed = [client.post("/v1/messages", json=ASK, headers=sent).status_code for _ in range(6)]

    assert (refused, set(passed)) == (403, {200})


def test_one_request_ends_and_its_session_goes_on(two: Nexus, session: str) -> None:
    ended, other = Stream(two, headers(session)), Stream(two, headers(session, "events=60,event-delay-ms=50"))
    wait_for(lambda: ended.body and other.body)

    stopped_at = stop(two, "--request", ended.exchange)

    assert ended.end() - stopped_at < BY_REDIS + BUSY_SECONDS
    assert b"ann stopped this request in Nexus" in ended.body
    other.end()
    assert b"message_stop" in other.body
    with two.client() as client:
        assert client.post("/v1/messages", json=ASK, headers=headers(session, "events=1")).status_code == 200


def test_a_session_that_only_the_metadata_names_is_stopped(two: Nexus, session: str) -> None:
    ask = {
        **ASK,
        "metadata": {"user_id": json.dumps({"device_id": "d", "account_uuid": "", "session_id": session})},
    }
    sent = {name: value for name, value in headers(session).items() if name != "x-claude-code-session-id"}
    stream = Stream(two, sent, ask)
    wait_for(lambda: stream.body)

    stopped_at = stop(two, session)

    assert stream.end() - stopped_at < BY_REDIS + BUSY_SECONDS
    assert Stream(two, sent, ask).end()
    with two.client() as client:
        assert client.post("/v1/messages", json=ask, headers=sent).status_code == 403


def test_an_encoded_response_breaks_off(two: Nexus, session: str) -> None:
    stream = Stream(two, headers(session, f"gzip,{SLOW}", **{"accept-encoding": "gzip"}))
    wait_for(lambda: stream.body)

    stopped_at = stop(two, session)

    assert stream.end() - stopped_at < BY_REDIS + BUSY_SECONDS
    assert stream.response_headers["content-encoding"] == "gzip"
    assert stream.broke
    assert two.stored(stream.exchange)["error_type"] == "stopped"


def test_a_response_that_is_no_stream_breaks_off(two: Nexus, session: str) -> None:
    key = uuid4().hex
    two.emulator.app.script(
        key,
        Script(
            headers=(("content-type", "application/json"),),
            chunks=(b'{"type":', b'"message"}'),
            pauses=(0, 30),
        ),
    )
    stream = Stream(two, headers(session, f"script={key}"), {**ASK, "stream": False})
    wait_for(lambda: stream.body)

    stopped_at = stop(two, session)

    assert stream.end() - stopped_at < BY_REDIS + BUSY_SECONDS
    assert (stream.body, bool(stream.broke)) == (b'{"type":', True)
    assert two.stored(stream.exchange)["outcome"] == "aborted"


def test_what_breaks_in_the_middle_of_an_event_is_no_event(two: Nexus, session: str) -> None:
    """The rest of the event does not come: an error in its place would be read as a part of it."""
    key = uuid4().hex
    chunks = (b"event: ping\ndata: {}\n\nevent: ping\nda", b"ta: {}\n\n")
    kind = (("content-type", "text/event-stream"),)
    two.emulator.app.script(key, Script(headers=kind, chunks=chunks, pauses=(0, 30)))
    stream = Stream(two, headers(session, f"script={key}"))
    wait_for(lambda: stream.body)

    stopped_at = stop(two, session)

    assert stream.end() - stopped_at < BY_REDIS + BUSY_SECONDS
    assert (stream.body, bool(stream.broke)) == (chunks[0], True)


def test_a_request_without_a_response_so_far_gets_the_refusal(two: Nexus, session: str) -> None:
    stream = Stream(two, headers(session, "delay-ms=30000"))
    time.sleep(1)

    stopped_at = stop(two, session)

    assert stream.end() - stopped_at < BY_REDIS + BUSY_SECONDS
    assert (stream.status, stream.response_headers["x-should-retry"]) == (403, "false")
    assert json.loads(stream.body)["error"]["message"].startswith("ann stopped this session")
    row = two.stored(stream.exchange)
    assert (row["outcome"], row["status"], row["error_message"]) == ("aborted", 403, "Stopped by ann.")


@pytest.fixture
def own(make_nexus: Callable[..., Nexus], own_redis: Process) -> Iterator[Nexus]:
    """A system whose Redis a test may kill."""
    made = make_nexus(REDIS_URL=f"redis://127.0.0.1:{own_redis.service.environment['PORT']}/0")
    add_ann(made)
    yield made
    with suppress(Exception):
        own_redis.start()  # the worker ends in good order


def test_without_redis_it_takes_two_seconds(own: Nexus, own_redis: Process, session: str) -> None:
    stream = Stream(own, headers(session))
    wait_for(lambda: stream.body)
    own_redis.kill()
    wait_for(lambda: "stops.unheard" in own.proxy.words())

    stopped_at = stop(own, session)

    assert stream.end() - stopped_at < BY_SNAPSHOT + BUSY_SECONDS
    assert b"ann stopped this session" in stream.body
