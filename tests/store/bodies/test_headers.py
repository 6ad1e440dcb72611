"""Headers come back as they were recorded, and those that are the same are stored once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from proxy.record import HeaderPairs, Record
from proxy.store.bodies import headers as kept
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.bodies.headers import Headers, headers_of
from proxy.store.bodies.key_rotation import rotate
from proxy.store.ingest import batch as ingest
from proxy.store.models import Blob, ExchangeBody
from tests.people import make_pin
from tests.roles import as_owner
from tests.store.agent_headers import request_headers, response_headers
from tests.store.agent_session import SESSION
from tests.store.records import NOON, make_batch, make_closing, make_head, make_record

pytestmark = pytest.mark.django_db

OLD = datetime(2026, 1, 20, 12, tzinfo=UTC)
# Latin-1 is what the proxy makes of the wire's bytes; imports may have more. NUL, quotes, names that repeat, values of any length.
VALUES = st.text(st.characters(max_codepoint=255), max_size=40) | st.text(
    st.characters(exclude_categories=["Cs"])
)
NAMES = st.sampled_from(["x-a", "X-A", "x-b", "set-cookie", "", "caf\u00e9"]) | VALUES
LONG = st.integers(0, 20_000).map(lambda length: "v\u00e4" * length)
SIDES = st.lists(st.tuples(NAMES, VALUES | LONG), max_size=30)


def make(
    request: HeaderPairs, response: HeaderPairs, moment: datetime = NOON, domain: str = "a.example"
) -> Record:
    head = make_head(moment, headers=request, domain=domain)
    return make_record(b"", b"", head=head, closing=make_closing(headers=response))


def of_agent(turn: int, session: str = SESSION, moment: datetime = NOON, domain: str = "a.example") -> Record:
    headers = request_headers(session, turn), response_headers(session, turn)
    return make(*headers, moment + timedelta(seconds=turn), domain)


def stored(*records: Record) -> list[UUID]:
    assert ingest.ingest(make_batch(*records)) == len(records)
    return [UUID(record.head.id) for record in records]


def read(*ids: UUID) -> list[Headers]:
    found = headers_of(ExchangeBody.objects.filter(id__in=ids))
    return [found[exchange] for exchange in ids]


def recorded(*records: Record) -> list[Headers]:
    return [Headers(record.head.headers, record.closing.headers) for record in records]


@pytest.fixture(autouse=True)
def _new_process() -> None:
    kept._dictionaries.clear()


@given(
    first=st.tuples(SIDES, SIDES),
    second=st.tuples(SIDES, SIDES),
    values=st.lists(VALUES, min_size=60, max_size=60),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_headers_come_back_as_they_were_recorded(
    first: tuple[HeaderPairs, HeaderPairs], second: tuple[HeaderPairs, HeaderPairs], values: list[str]
) -> None:
    again = [(name, value) for (name, _), value in zip(first[0], values, strict=False)]
    records = [make(*first), make(again, first[1]), make(*second), make(again, second[1])]

    ids = stored(*records)

    assert read(*ids) == recorded(*records)


@pytest.mark.parametrize("length", [0, 1, 400, 512, 8 * 1024, 2 * 1024**2])
def test_headers_of_any_length_come_back(length: int) -> None:
    records = [make([("x-long", "l" * length)], []), make([("x-long", "m" * length)], [])]

    assert read(*stored(*records)) == recorded(*records)


def test_of_headers_with_the_same_names_only_what_differs_is_stored_again() -> None:
    records = [of_agent(turn) for turn in range(60)]

    ids = stored(*records)

    [blob] = Blob.objects.all()
    rows = ExchangeBody.objects.in_bulk(ids)
    assert {bytes(row.headers_dictionary or b"") for row in rows.values()} == {bytes(blob.digest)}
    assert max(len(bytes(row.headers or b"")) for row in rows.values()) < blob.size / 10
    assert not any(row.request_headers or row.response_headers for row in rows.values())
    assert read(*ids) == recorded(*records)


def test_another_session_needs_no_dictionary_of_its_own_and_another_domain_gets_nothing_of_the_first() -> (
    None
):
    other = "0c7d8f1e-5a55-4b3c-8b9e-000000000001"
    stored(of_agent(1), of_agent(1, other))
    assert Blob.objects.count() == 1

    stored(of_agent(2, domain="b.example"))

    assert Blob.objects.count() == 2


def test_another_process_reads_what_this_wrote_and_the_next_month_has_its_own_dictionary() -> None:
    records = [of_agent(1), of_agent(2, moment=datetime(2026, 12, 1, tzinfo=UTC))]
    ids = stored(*records)
    kept._dictionaries.clear()

    assert read(*ids) == recorded(*records)
    assert [blob.month.month for blob in Blob.objects.order_by("month")] == [11, 12]


def test_a_flood_of_names_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST_REMEMBERED", 3)
    records = [make([(f"x-{number}", "v" * 600)], []) for number in range(10)]

    ids = stored(*records)

    assert len(kept._dictionaries) <= 3
    assert read(*ids) == recorded(*records)


def test_rows_of_earlier_versions_are_read_as_they_are_and_what_stands_beside_a_frame_follows_it() -> None:
    [exchange] = stored(record := of_agent(1))
    with as_owner():
        ExchangeBody.objects.update(request_headers=[["x-own", "1"]])
    [both] = read(exchange)
    with as_owner():
        ExchangeBody.objects.update(
            headers=None, headers_dictionary=None, response_headers=[["a", "1"], ["A", "2"], ["a", "1"]]
        )

    assert both == Headers([*record.head.headers, ("x-own", "1")], record.closing.headers)
    assert read(exchange) == [Headers([("x-own", "1")], [("a", "1"), ("A", "2"), ("a", "1")])]


@pytest.mark.parametrize("pinned", [0, 1, 2])
def test_a_pinned_exchange_keeps_its_headers_when_its_month_goes(pinned: int) -> None:
    records = [of_agent(turn, moment=OLD) for turn in range(2)] + [make([("x", "y" * 600)], [], OLD)]
    ids = stored(*records)
    make_pin(exchange=ids[pinned])

    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_drop_month('2026-01-01', 'bodies')")

    assert ExchangeBody.objects.get().id == ids[pinned]
    assert Blob.objects.count() == 1
    assert read(ids[pinned]) == recorded(records[pinned])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM proxy_blob", "missing or damaged"),
        ("UPDATE proxy_blob SET data = 'x'", "missing or damaged"),
        ("UPDATE proxy_exchangebody SET headers = 'x'", "are damaged"),
        (
            "UPDATE proxy_exchangebody SET headers = set_byte(headers, 12, 255 - get_byte(headers, 12))",
            "are damaged",
        ),
    ],
)
def test_damage_is_told_and_nothing_else_is_given_out(damage: str, words: str) -> None:
    stored(of_agent(1))
    [exchange] = stored(of_agent(2))
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(damage)

    [found] = read(exchange)

    assert (found.request, found.response) == ([], [])
    assert words in found.missing
    assert str(exchange) in found.missing


def test_with_encryption_the_shared_part_is_sealed_and_outlives_a_rotation(settings: Settings) -> None:
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = True, [b"o" * 32]
    records = [of_agent(turn) for turn in range(3)]
    ids = stored(*records)
    assert bytes(Blob.objects.get().data)[:1] == b"\x01"
    assert not any(b"claude-cli" in bytes(row.headers or b"") for row in ExchangeBody.objects.all()[1:])

    settings.BODY_ENCRYPTION_KEYS = [b"n" * 32, b"o" * 32]
    with as_owner():
        rotate()
    settings.BODY_ENCRYPTION_KEYS = [b"n" * 32]

    assert read(*ids) == recorded(*records)
    settings.BODY_ENCRYPTION_KEYS = [b"x" * 32]
    with pytest.raises(KeyUnavailable, match="is missing"):
        read(*ids)
