"""One outcome: each exchange ends as exactly one of the six, and what passed until then is kept."""

import json
import subprocess
import sys
import time
from uuid import uuid4

import httpx
import pytest

from nexus_project import env
from nexus_project.demo.script import Script
from nexus_project.env import BASE_DIR
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

STREAM = {"model": "claude-sonnet-5", "max_tokens": 500, "stream": True}
READ = """
import sys, uuid, django
django.setup()
from proxy.store.bodies.blobs import body_of
sys.stdout.buffer.write(body_of(uuid.UUID(sys.argv[1]), sys.argv[2]))
"""
ASK = {**STREAM, "messages": [{"role": "user", "content": "Tell me more about the slow query."}]}


def test_e0_a_finished_stream_is_complete_with_its_tokens_cost_and_first_byte(nexus: Nexus) -> None:
    with nexus.client() as client, client.stream("POST", "/v1/messages", json=ASK) as response:
        events = response.read()

    row = nexus.stored(response.headers["x-nexus-id"])
    assert (row["outcome"], row["status"], row["streamed"]) == ("complete", 200, True)
    assert row["output_tokens"] > 0
    assert row["cost_usd"] > 0
    assert row["response_bytes"] == len(events)
    assert 0 <= row["first_byte_ms"] <= row["duration_ms"]


def test_predecessor_defect_3_an_error_of_upstream_keeps_its_status_and_is_upstream_error(
    nexus: Nexus,
) -> None:
    with nexus.client(**{"x-emulate": "status=529"}) as client:
        response = client.post("/v1/messages", json=ASK)

    row = nexus.stored(response.headers["x-nexus-id"])
    assert response.status_code == 529
    assert (row["outcome"], row["status"], row["error_type"]) == ("upstream_error", 529, "overloaded_error")


def test_predecessor_defect_7_an_error_event_in_a_stream_counts_as_failure(nexus: Nexus) -> None:
    with nexus.client(**{"x-emulate": "error-event-after=3"}) as client:
        response = client.post("/v1/messages", json=ASK)

    row = nexus.stored(response.headers["x-nexus-id"])
    assert response.status_code == 200
    assert (row["outcome"], row["error_type"]) == ("upstream_error", "overloaded_error")


def test_a_stream_that_upstream_breaks_off_breaks_off_for_the_client_too(nexus: Nexus) -> None:
    with (
        nexus.client(**{"x-emulate": "events=30,cut-after=8"}) as client,
        client.stream("POST", "/v1/messages", json=ASK) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        response.read()

    row = nexus.stored(response.headers["x-nexus-id"])
    assert row["outcome"] == "upstream_cut"
    assert row["response_bytes"] > 0


def test_predecessor_defect_18_a_client_that_leaves_ends_the_request_upstream_at_once(nexus: Nexus) -> None:
    mark = uuid4().hex
    client = nexus.client(**{"x-emulate": "events=400,event-delay-ms=20", "x-test-id": mark})
    with client.stream("POST", "/v1/messages", json=ASK) as response:
        next(response.iter_raw())
    left_at = time.monotonic()

    wait_for(lambda: nexus.received(mark).outcome == "client_left")
    row = nexus.stored(response.headers["x-nexus-id"])

    assert time.monotonic() - left_at < 5
    assert row["outcome"] == "client_left"
    assert row["response_bytes"] > 0
    assert row["cost_state"] == "partial"


@pytest.mark.parametrize("size", [70_000, 300_000, 1_500_000])
def test_a_client_that_leaves_a_silent_answer_is_noticed_however_much_it_sent(
    nexus: Nexus, size: int
) -> None:
    mark = uuid4().hex
    nexus.emulator.app.script(mark, Script(chunks=(b"first", b"second"), pauses=(0, 9)))
    client = nexus.client(**{"x-emulate": f"script={mark}", "x-test-id": mark})
    ask = {**ASK, "messages": [{"role": "user", "content": "x" * size}]}

    with client.stream("POST", "/v1/messages", json=ask) as response:
        next(response.iter_raw())
    left_at = time.monotonic()

    wait_for(lambda: nexus.received(mark).outcome == "client_left")
    assert time.monotonic() - left_at < 3  # and not when the next event finds nobody


def test_an_upstream_that_breaks_off_before_its_head_gives_502_in_the_apis_shape(nexus: Nexus) -> None:
    with nexus.client(**{"x-emulate": "head-cut"}) as client:
        response = client.post("/v1/messages", json=ASK)

    row = nexus.stored(response.headers["x-nexus-id"])
    assert response.status_code == 502
    assert "x-should-retry" not in response.headers
    assert response.json()["error"]["type"] == "api_error"
    assert "Nexus" in response.json()["error"]["message"]
    assert (row["outcome"], row["status"]) == ("upstream_error", 502)


def test_a_refusal_is_recorded_without_a_body(nexus: Nexus) -> None:
    response = nexus.client(**{"x-api-key": "cnp_live_nobody"}).post("/v1/messages", json=ASK)

    row = nexus.stored(response.headers["x-nexus-id"])
    assert (response.status_code, response.headers["x-should-retry"]) == (401, "false")
    assert (row["outcome"], row["paid_by"], row["status"]) == ("refused", "nobody", 401)
    assert row["response_bytes"] == 0
    assert (row["request_type"], row["model"]) == ("unknown", "")


def test_predecessor_defect_20_bodies_come_back_byte_exact_from_the_database(nexus: Nexus) -> None:
    body = b'{"model":"claude-sonnet-5",  "n": 123456789012345678901234567890, "x": 1.0, "messages":[]}\n\x00\xff'
    fragments = (b"event: a\ndata: \xe2\x80", b"\xa8{}\r\n\r\n", b"\x00tail")
    key = uuid4().hex
    nexus.emulator.app.script(key, Script(chunks=fragments, headers=(("content-type", "text/event-stream"),)))
    with nexus.client(**{"x-emulate": f"script={key}"}) as client:
        response = client.post("/v1/messages", content=body)
    nexus.stored(response.headers["x-nexus-id"])

    assert response.content == b"".join(fragments)
    assert bodies(nexus, response.headers["x-nexus-id"]) == (body, b"".join(fragments))


def bodies(nexus: Nexus, exchange_id: str) -> tuple[bytes, bytes]:
    """Both bodies of an exchange as Nexus itself reads them."""
    service = nexus.worker.service
    request, response = (
        subprocess.run(
            [sys.executable, "-c", READ, exchange_id, side],
            cwd=BASE_DIR,
            env=env.child_environment({**service.environment, **nexus.worker.environment}),
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        for side in ("request", "response")
    )
    return request, response


def test_the_model_is_the_requests_also_when_upstream_refused_it(nexus: Nexus) -> None:
    response = nexus.client().post("/v1/messages", json={**ASK, "model": "claude-no-such-model"})

    row = nexus.stored(response.headers["x-nexus-id"])
    assert (row["model"], row["status"]) == ("claude-no-such-model", 404)
    assert json.loads(response.content)["error"]["type"] == "not_found_error"
