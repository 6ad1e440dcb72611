"""The predecessor's defects (its register, by number) that show only with real processes; the others lie with their parts.

`grep -rn predecessor_defect tests` lists them all.
"""

import json
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.core.management import call_command

from nexus_project.demo.script import Script
from proxy.store.bodies.blobs import decode_chunks
from tests.flow import wire
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

ASK = {"model": "claude-sonnet-5", "max_tokens": 60, "messages": [{"role": "user", "content": "hello"}]}
STREAM = {**ASK, "stream": True}


def times_received(nexus: Nexus, mark: str) -> int:
    return len([entry for entry in nexus.emulator.app.log if entry.value("x-test-id") == mark])


@pytest.mark.parametrize("status", [400, 429])
def test_predecessor_defect_1_a_bad_request_and_a_rate_limit_are_no_500(nexus: Nexus, status: int) -> None:
    refused = wire.send(nexus.url, b"GET /v1/models HTTP/1.1\r\nhost: a/b\r\n\r\n")
    passed = nexus.client(**{"x-emulate": f"status={status}"}).post("/v1/messages", json=ASK)

    assert (refused.status, json.loads(refused.body)["error"]["type"]) == (400, "invalid_request_error")
    assert passed.status_code == status


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
def test_predecessor_defect_2_an_error_is_not_retried_and_closes_nobody_out(
    nexus: Nexus, status: int
) -> None:
    mark = uuid4().hex
    client = nexus.client(**{"x-emulate": f"status={status}", "x-test-id": mark})

    statuses = [client.post("/v1/messages", json=ASK).status_code for _ in range(12)]

    assert statuses == [status] * 12
    assert times_received(nexus, mark) == 12
    assert nexus.client().post("/v1/messages", json=ASK).status_code == 200


def test_predecessor_defect_4_betas_version_and_user_agent_go_upstream_as_sent(nexus: Nexus) -> None:
    mark = uuid4().hex
    sent = {
        "anthropic-beta": "tools-2099-01-01,other-1",
        "anthropic-version": "2023-01-01",
        "user-agent": "claude-cli/9.9 (external, cli)",
        "x-app": "cli",
        "x-stainless-lang": "js",
    }

    nexus.client(**sent, **{"x-test-id": mark}).post("/v1/messages", json=ASK)

    got = nexus.received(mark)
    assert {name: got.value(name) for name in sent} == sent


@pytest.mark.parametrize("streamed", [False, True])
def test_predecessor_defect_5_request_id_and_rate_limit_headers_come_back(
    nexus: Nexus, streamed: bool
) -> None:
    response = nexus.client().post("/v1/messages", json={**ASK, "stream": streamed})

    row = nexus.stored(response.headers["x-nexus-id"])
    assert response.headers["request-id"].startswith("req_")
    assert response.headers["anthropic-ratelimit-requests-remaining"]
    assert row["upstream_request_id"] == response.headers["request-id"]


def test_predecessor_defect_6_an_api_key_file_authenticates(nexus: Nexus) -> None:
    path = nexus.data_dir / "credentials" / "defect6.example.credentials.json"
    path.write_text(json.dumps({"type": "api_key", "api_key": "sk-ant-api03-defect6"}))

    def credentials() -> tuple[list[str], list[str]]:
        mark = uuid4().hex
        nexus.client(host="defect6.example", **{"x-test-id": mark}).post("/v1/messages", json=ASK)
        got = nexus.received(mark)
        return got.values("x-api-key"), got.values("authorization")

    wait_for(lambda: credentials() == (["sk-ant-api03-defect6"], []), 5)


@pytest.mark.parametrize(
    ("wish", "outcome", "error"),
    [
        ("status=400", "upstream_error", "invalid_request_error"),
        ("error-event-after=3", "upstream_error", "overloaded_error"),
        ("events=30,cut-after=8", "upstream_cut", "upstream_cut"),
    ],
)
def test_predecessor_defect_7_failures_are_stored_with_their_error_and_counted(
    nexus: Nexus, wish: str, outcome: str, error: str
) -> None:
    domain = f"{uuid4().hex}.example"
    request = wire.request_bytes(
        "POST",
        "/v1/messages",
        [("anthropic-version", b"2023-06-01"), ("x-emulate", wish.encode())],
        json.dumps(STREAM).encode(),
        domain,
    )

    row = nexus.stored(wire.send(nexus.url, request).value("x-nexus-id"))

    assert (row["outcome"], row["error_type"]) == (outcome, error)
    assert row["error_message"]
    assert nexus.rows("SELECT errors FROM proxy_rollup WHERE domain = %s", domain) == [{"errors": 1}]


def test_predecessor_defect_8_first_byte_streaming_and_client_key_are_real(nexus: Nexus) -> None:
    path = nexus.data_dir / "credentials" / "defect8.example.credentials.json"
    file = {"type": "api_key", "api_key": "sk-ant-api03-defect8", "client_api_key": "cnp_live_defect8"}
    path.write_text(json.dumps(file))
    client = nexus.client(
        host="defect8.example", authorization="Bearer cnp_live_defect8", **{"x-emulate": "delay-ms=60"}
    )
    wait_for(lambda: client.post("/v1/messages", json=ASK).status_code == 200, 5)

    row = nexus.stored(client.post("/v1/messages", json=STREAM).headers["x-nexus-id"])

    assert row["streamed"] is True
    assert 60 <= row["first_byte_ms"] <= row["duration_ms"]
    assert row["client_key"] == "file:defect8.example.credentials.json"


def test_predecessor_defect_9_every_network_chunk_is_on_record(nexus: Nexus) -> None:
    key, fragments = uuid4().hex, (b"first", b"second piece", b"third")
    nexus.emulator.app.script(key, Script(chunks=fragments, pauses=(0, 0.05, 0.05)))

    response = nexus.client(**{"x-emulate": f"script={key}"}).post("/v1/messages", json=STREAM)
    nexus.stored(response.headers["x-nexus-id"])

    (row,) = nexus.rows("SELECT chunks FROM proxy_exchangebody WHERE id = %s", response.headers["x-nexus-id"])
    chunks = decode_chunks(bytes(row["chunks"]))
    assert [length for _, length in chunks] == [len(fragment) for fragment in fragments]
    assert chunks[1][0] - chunks[0][0] >= 40


@pytest.mark.django_db
def test_predecessor_defect_15_models_and_migrated_schema_agree(nexus: Nexus) -> None:
    response = nexus.client().post("/v1/messages", json=ASK)

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
    assert nexus.stored(response.headers["x-nexus-id"])["status"] == 200
    assert nexus.rows("SELECT 1 FROM proxy_setaside") == []


def test_predecessor_defect_29_address_and_time_limit_of_the_api_are_obeyed(
    make_proxy: Callable[..., Nexus],
) -> None:
    nexus = make_proxy(UPSTREAM_IDLE_SECONDS="1")
    started = time.monotonic()

    response = nexus.client(**{"x-emulate": "delay-ms=15000"}).post("/v1/messages", json=ASK)

    assert time.monotonic() - started < 5
    assert (response.status_code, response.json()["error"]["type"]) == (504, "timeout_error")
    assert nexus.stored(response.headers["x-nexus-id"])["outcome"] == "upstream_error"
