"""Whatever clients and upstream send, it is stored exactly."""

import json
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.batch import decode_batch, encode_batch
from proxy.record import OUTCOMES, Record
from proxy.store.bodies.blobs import body_of
from proxy.store.ingest import batch as ingest
from proxy.store.models import DeadLetter, Exchange
from tests.store.postgres.test_columns import ANY_JSON, ANY_TEXT
from tests.store.records import ask, make_batch, make_closing, make_head, make_record, say, start, stream

pytestmark = pytest.mark.django_db

WRITABLE = st.text()  # a record is msgpack: its texts are UTF-8, with NUL but without surrogates
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "content-encoding", "request-id", "x-claude-code-session-id"])
        | WRITABLE,
        st.sampled_from(["text/event-stream", "application/json", "gzip", "zstd", "deflate"]) | WRITABLE,
    ),
    max_size=4,
)


def garbled(body: bytes) -> st.SearchStrategy[bytes]:
    cuts = st.integers(0, len(body))
    return st.builds(lambda start, middle, end: body[:start] + middle + body[end:], cuts, st.binary(), cuts)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


REQUESTS = (
    st.binary()
    | garbled(ask("x" * 50, metadata={"user_id": "u"}))
    | st.builds(
        lambda **fields: dumped(fields), model=ANY_JSON, messages=ANY_JSON, system=ANY_JSON, metadata=ANY_JSON
    )
    | ANY_TEXT.map(lambda text: ask(text, model=text, metadata={"user_id": text}))
)
RESPONSES = (
    st.binary()
    | garbled(say())
    | garbled(stream(start(input_tokens=1), {"type": "message_stop"}))
    | st.builds(lambda **fields: say(**fields), usage=ANY_JSON, content=ANY_JSON, id=ANY_JSON, model=ANY_JSON)
    | st.builds(lambda message: stream({"type": "message_start", "message": message}), ANY_JSON)
    | st.builds(lambda error: stream({"type": "error", "error": error}), ANY_JSON)
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    request=REQUESTS,
    response=RESPONSES,
    headers=HEADERS,
    text=WRITABLE,
    number=st.floats(),
    integer=st.integers(-(2**63), 2**63 - 1),
    outcome=st.sampled_from(OUTCOMES) | WRITABLE,
)
def test_nothing_that_is_sent_makes_ingest_fail(
    request: bytes,
    response: bytes,
    headers: list[tuple[str, str]],
    text: str,
    number: float,
    integer: int,
    outcome: str,
) -> None:
    record = make_record(
        request,
        response,
        head=make_head(
            started_at=number, domain=text, method=text, target=text, headers=headers, paid_by=text, account=text,
            client_key=text, passed_over=(text, text), client_address=text,
        ),
        closing=make_closing(
            outcome=outcome, status=integer, headers=headers, first_byte_ms=number, duration_ms=number,
            chunks=[(number, integer)], error_type=text, error_message=text,
            left_organisation=text,
        ),
    )  # fmt: skip

    assert ingest.ingest(decode_batch(encode_batch(make_batch(record)))) == 1

    exchange = UUID(record.head.id)
    assert Exchange.objects.filter(pk=exchange).exists()
    assert not DeadLetter.objects.exists()
    assert (body_of(exchange, "request"), body_of(exchange, "response")) == (request, response)


def deep(depth: int) -> bytes:
    return b'{"model": "m", "messages": ' + b"[" * depth + b"]" * depth + b"}"


MONSTERS = {
    "depth 10,000": make_record(deep(10_000), deep(100_000)),
    "10,000 messages": make_record(ask(messages=[{"role": "user", "content": "again"}] * 10_000)),
    "deep usage": make_record(response=b'{"type":"message","usage":{"a":' + b"[" * 990 + b"]" * 990 + b"}}"),
    "huge numbers": make_record(response=say(usage={"input_tokens": 10**400, "x": 10**4000})),
    "overlong names": make_record(ask(model="m" * 10**6), say(id="i" * 10**6, stop_reason="s" * 10**6)),
    "overlong key": make_record(head=make_head(domain="\U0001f600" * 300, account="\u4e2d" * 300)),
    "wrong UTF-8": make_record(b'{"model": "\xff\xfe"}', b'{"id": "\xc3"}'),
}


@pytest.mark.parametrize("record", MONSTERS.values(), ids=MONSTERS)
def test_monsters_are_stored_exactly(record: Record) -> None:
    assert ingest.ingest(make_batch(record)) == 1

    row = Exchange.objects.get()
    assert body_of(row.pk, "request") == record.request_body
    assert body_of(row.pk, "response") == record.response_body
