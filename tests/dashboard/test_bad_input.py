"""Bad input is data: it is stored exactly, shown sanely, and costs its neighbours nothing."""

import time
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus_project.env import BASE_DIR
from proxy.record import Record
from proxy.store.bodies.blobs import body_of
from proxy.store.models import DeadLetter, Exchange
from tests.dashboard.bad_input import BAD, SCRIPT, Bad
from tests.people import take_in
from tests.store.records import NOON, ask, make_batch, make_closing, make_head, make_record

pytestmark = pytest.mark.django_db

# Seconds of CPU that a page may take, three times what the slowest needs, and bytes: a person has to be able to open it.
SLOW = 10
LARGE = 8_000_000
VIEWS = ("", "?view=raw", "?view=headers")


def record_of(bad: Bad, serial: int = 1) -> Record:
    return make_record(
        bad.request, bad.response, serial=serial,
        head=make_head(NOON + timedelta(seconds=serial), headers=bad.request_headers),
        closing=make_closing(headers=bad.response_headers, chunks=[(12.0, len(bad.response))]),
    )  # fmt: skip


def bodies(record: Record) -> tuple[bytes, bytes]:
    exchange = UUID(record.head.id)
    return body_of(exchange, "request"), body_of(exchange, "response")


def test_bad_input_of_every_kind_in_one_batch_is_stored_exactly_beside_good_neighbours() -> None:
    records = [record_of(bad, 2 * number) for number, bad in enumerate(BAD.values())]
    good = [record_of(Bad(), 2 * number + 1) for number in range(len(records))]

    assert take_in(make_batch(*records, *good)) == len(records) + len(good)

    assert not DeadLetter.objects.exists()
    assert Exchange.objects.filter(model="claude-sonnet-4-5", input_tokens=10).count() >= len(good)
    wrong = [
        name
        for name, item in zip(BAD, records, strict=True)
        if bodies(item) != (item.request_body, item.response_body)
    ]
    assert wrong == []


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input_is_shown_soon_briefly_and_escaped(bad: Bad, signed_in: Client, program: Client) -> None:
    record = record_of(bad)
    take_in(make_batch(record))
    exchange = record.head.id
    pages = [f"/dashboard/request/{exchange}{view}" for view in VIEWS]
    for client, path in [*((signed_in, page) for page in pages), (program, f"/api/requests/{exchange}")]:
        started = time.process_time()

        response = client.get(path)

        took = time.process_time() - started
        print(f"{path[-20:]} {response.status_code} {took:.2f}s {len(response.content)}")
        assert response.status_code == 200, path
        assert took < SLOW, path
        assert len(response.content) < LARGE, path
        assert client is program or SCRIPT not in response.content.decode(), path
    for side, body in (("request", record.request_body), ("response", record.response_body)):
        assert program.get(f"/api/requests/{exchange}/raw/{side}").content == body


STREAMS = [path.read_bytes() for path in sorted((BASE_DIR / "tests" / "data" / "streams").glob("*.sse"))]


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A real body with some stretches replaced by any bytes, by nothing, or by another stretch of it."""
    body = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, 4))):
        first, second = sorted(draw(st.tuples(*[st.integers(0, len(body))] * 2)))
        body = body[:first] + draw(st.binary(max_size=20) | st.just(body[second:][:200])) + body[second:]
    return body


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    request_body=st.binary() | mutated([BAD["unknown blocks"].request, ask("x" * 50)]),
    response=st.binary() | mutated(STREAMS),
    content_type=st.sampled_from(["text/event-stream", "application/json", ""]),
)
def test_whatever_is_sent_is_stored_and_shown(
    signed_in: Client, program: Client, request_body: bytes, response: bytes, content_type: str
) -> None:
    bad = Bad(request_body, response, response_headers=[("content-type", content_type)])
    record = record_of(bad)

    assert take_in(make_batch(record)) == 1

    assert bodies(record) == (request_body, response)
    paths = [f"/dashboard/request/{record.head.id}{view}" for view in VIEWS]
    assert [signed_in.get(path).status_code for path in paths] == [200] * len(VIEWS)
    assert program.get(f"/api/requests/{record.head.id}").status_code == 200
