"""With BODY_ENCRYPTION nobody reads a body from the database alone, and nothing is lost when a key is missing."""

import random
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings

from proxy.batch import encode_batch
from proxy.record import Record
from proxy.store import tasks
from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.bodies.encryption import BrokenSeal, KeyUnavailable, key_id, master_of
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import dead_letters
from proxy.store.models import Blob, DeadLetter, DomainTotal, Exchange, ExchangeBody, MonthKey, Receipt, Spool
from proxy.store.postgres import columns
from tests.flow import haystack
from tests.roles import as_owner
from tests.store.agent_headers import request_headers
from tests.store.agent_session import SESSION, AgentSession
from tests.store.ingest.test_races import ingesting, run_at_once
from tests.store.records import NOON, ask, make_batch, make_head, make_record, say

OLD, NEW = b"o" * 32, b"n" * 32
NOVEMBER = date(2026, 11, 1)
TURNS = list(AgentSession().requests(12))


@pytest.fixture(autouse=True)
def encrypted(settings: Settings) -> Settings:
    settings.BODY_ENCRYPTION = True
    settings.BODY_ENCRYPTION_KEYS = [OLD]
    return settings


def stored(request: bytes | None = None, response: bytes | None = None, *, moment: datetime = NOON) -> UUID:
    record = make_record(request, response, head=make_head(moment))
    assert ingest.ingest(make_batch(record)) == 1
    return UUID(record.head.id)


def execute(statement: str, *values: bytes | date | int | str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def whole_database() -> bytes:
    """Every byte of the suite's database, as another connection sees it."""
    name = connection.settings_dict["NAME"]
    return haystack.database(urlsplit(django_settings.DATABASE_URL)._replace(path=f"/{name}").geturl())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("on", [False, True], ids=["off", "on"])
def test_no_byte_of_the_database_holds_a_body(
    encrypted: Settings, monkeypatch: pytest.MonkeyPatch, *, on: bool
) -> None:
    encrypted.BODY_ENCRYPTION = on
    marks = [f"mark{uuid4().hex}" for _ in range(4)]
    asked, answered, lost, lost_response = marks
    stored(ask(asked), say(answered))
    monkeypatch.setattr(columns, "fit", lambda row: None)
    poison = make_record(ask(lost), say(lost_response), head=make_head(target="/v1/\x00"))
    ingest.ingest(make_batch(poison))
    assert DeadLetter.objects.count() == 1

    found = whole_database()

    # With encryption off they are found: so the search would see them.
    assert [haystack.holds(found, mark) for mark in marks] == [not on] * 4
    known = [sha256(text).digest()[:16] in found for text in (ask(asked), say(answered))]
    assert known == [not on] * 2
    assert dead_letters.record_of(DeadLetter.objects.get()) == poison


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("on", [False, True], ids=["off", "on"])
def test_the_headers_that_exchanges_share_are_encrypted_too(encrypted: Settings, *, on: bool) -> None:
    encrypted.BODY_ENCRYPTION = on
    shared, varies = f"mark{uuid4().hex}", [f"mark{uuid4().hex}" for _ in range(2)]
    for mark in varies:
        headers = [*request_headers(SESSION, 1), ("x-shared", shared), ("x-varies", mark)]
        ingest.ingest(make_batch(make_record(head=make_head(headers=headers))))

    found = whole_database()

    assert haystack.holds(found, shared) == (not on)
    if not on:
        assert all(haystack.holds(found, mark) for mark in varies)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", bytes(range(256)) * 1000, TURNS[0], random.Random(1).randbytes(200_000)],
    ids=["empty", "nul", "every byte", "session", "random"],
)
def test_encrypted_bodies_come_back_byte_exact(body: bytes) -> None:
    exchange = stored(body, body[::-1])

    assert (body_of(exchange, "request"), body_of(exchange, "response")) == (body, body[::-1])
    assert MonthKey.objects.get().month == NOVEMBER


@pytest.mark.django_db
def test_equal_pieces_of_a_month_are_kept_once_and_no_month_has_the_key_of_another() -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)
    exchanges = [stored(), stored(), stored(moment=december)]

    assert Blob.objects.filter(month=NOVEMBER).count() == 2
    assert MonthKey.objects.count() == 2
    assert len(set(Blob.objects.values_list("digest", flat=True))) == 4
    assert {body_of(exchange, "request") for exchange in exchanges} == {ask()}


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.django_db
@pytest.mark.parametrize("at", [1, 12, 13, -1], ids=["nonce", "nonce's end", "text", "tag"])
def test_a_turned_bit_is_told_as_damage(at: int) -> None:
    exchange = stored(b"a" * 99, b"")
    blob = Blob.objects.get()
    Blob.objects.update(data=flipped(bytes(blob.data), at % len(blob.data)))

    with pytest.raises(BodyMissingError, match="missing or damaged"):
        body_of(exchange, "request")


@pytest.mark.django_db
def test_pieces_cannot_be_swapped() -> None:
    exchanges = [stored(b"a" * 99, b""), stored(b"b" * 99, b"")]
    execute(
        "UPDATE proxy_blob SET data = other.data FROM proxy_blob AS other WHERE other.digest <> proxy_blob.digest"
    )

    for exchange in exchanges:
        with pytest.raises(BodyMissingError, match="missing or damaged"):
            body_of(exchange, "request")


@pytest.mark.django_db
def test_manifests_cannot_be_swapped() -> None:
    first, second = stored(b"a" * 99, b""), stored(b"b" * 99, b"")
    manifest = ExchangeBody.objects.get(pk=second).request_manifest
    ExchangeBody.objects.filter(pk=first).update(request_manifest=manifest)

    with pytest.raises(BodyMissingError, match=r"request body .* is damaged"):
        body_of(first, "request")


@pytest.mark.django_db
def test_the_keys_and_pieces_of_two_months_cannot_be_swapped() -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)
    exchange = stored(b"a" * 99, b"")
    stored(b"a" * 99, b"", moment=december)
    only, other = Blob.objects.get(month=NOVEMBER), Blob.objects.get(month=december.date())
    Blob.objects.filter(month=NOVEMBER).update(data=other.data)

    with pytest.raises(BodyMissingError, match="missing or damaged"):
        body_of(exchange, "request")

    Blob.objects.filter(month=NOVEMBER).update(data=only.data)
    with as_owner():
        MonthKey.objects.filter(pk=NOVEMBER).update(wrapped=MonthKey.objects.get(pk=december.date()).wrapped)

    with pytest.raises(
        BodyMissingError, match="the key by which the bodies of 2026-11 are encrypted is damaged"
    ):
        body_of(exchange, "request")


def session(start: int, end: int) -> list[Record]:
    headers = [("x-claude-code-session-id", SESSION)]
    return [
        make_record(TURNS[number], b"", head=make_head(NOON + timedelta(seconds=number), headers=headers))
        for number in range(start, end)
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 4])
def test_encryption_may_be_turned_on_and_off_within_a_month(encrypted: Settings, size: int) -> None:
    records: list[Record] = []
    for number, on in enumerate([False, True, False, True, True, False]):
        encrypted.BODY_ENCRYPTION = on
        new = session(2 * number, 2 * number + 2)
        for at in range(0, 2, size):
            ingest.ingest(make_batch(*new[at : at + size]))
        records += new

    assert [body_of(UUID(record.head.id), "request") for record in records] == [
        record.request_body for record in records
    ]
    # A request whose forerunner was written in the other way has a whole manifest.
    heads = ExchangeBody.objects.filter(parent=None).order_by("id").values_list("id", flat=True)
    assert list(heads) == [UUID(records[at].head.id) for at in (0, 2, 4, 6, 10)]


@pytest.mark.django_db
def test_what_was_written_in_clear_needs_no_key(encrypted: Settings) -> None:
    encrypted.BODY_ENCRYPTION = False
    exchange = stored()
    encrypted.BODY_ENCRYPTION_KEYS = []

    assert body_of(exchange, "request") == ask()
    assert not MonthKey.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("keys", [[], [NEW]], ids=["none", "another"])
@pytest.mark.parametrize("body", [ask(), b""], ids=["some", "empty"])
def test_a_body_whose_master_key_is_missing_says_which(
    encrypted: Settings, keys: list[bytes], body: bytes
) -> None:
    exchange = stored(body)
    encrypted.BODY_ENCRYPTION_KEYS = keys

    with pytest.raises(
        BodyMissingError,
        match=f"master key {key_id(OLD)}, which is missing: put it back into BODY_ENCRYPTION_KEYS",
    ):
        body_of(exchange, "request")


@pytest.mark.django_db
def test_a_body_whose_months_key_is_gone_says_so() -> None:
    exchange = stored()
    with as_owner():
        MonthKey.objects.all().delete()

    with pytest.raises(BodyMissingError, match="the key of 2026-11 is gone: restore its row"):
        body_of(exchange, "request")


def everything() -> list[int]:
    return [
        model.objects.count()
        for model in (Exchange, ExchangeBody, Blob, Receipt, DeadLetter, Spool, DomainTotal)
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("poison", [False, True], ids=["good", "with a dead letter"])
def test_without_the_master_key_a_batch_fails_whole_and_is_stored_when_the_key_is_back(
    encrypted: Settings, caplog: pytest.LogCaptureFixture, *, poison: bool
) -> None:
    stored()
    before = everything()
    records = [make_record(serial=2), make_record(serial=3)]
    if poison:
        records.append(make_record(serial=4, head=make_head(id="no-uuid")))
    payload = encode_batch(make_batch(*records))
    encrypted.BODY_ENCRYPTION_KEYS = [NEW]

    refused = tasks.ingest.apply((payload,))

    assert isinstance(refused.result, KeyUnavailable)
    [reported] = [record for record in caplog.records if record.msg == "ingest.key_missing"]
    assert key_id(OLD) in reported.__dict__["why"]
    assert everything()[:4] == before[:4]
    assert not DeadLetter.objects.exclude(serial=4).exists()
    encrypted.BODY_ENCRYPTION_KEYS = [NEW, OLD]
    assert tasks.ingest.apply((payload,)).get() == len(records)
    assert Exchange.objects.count() == 3


@pytest.mark.django_db
def test_with_storage_off_no_key_is_needed(encrypted: Settings) -> None:
    stored()
    encrypted.STORAGE_ENABLED = False
    encrypted.BODY_ENCRYPTION_KEYS = [NEW]

    assert ingest.ingest(make_batch(make_record())) == 1


@pytest.fixture
def dead_letter() -> DeadLetter:
    ingest.ingest(make_batch(make_record(ask("lost"), head=make_head(id="no-uuid"))))
    return DeadLetter.objects.get()


@pytest.mark.django_db
def test_a_record_that_was_set_aside_in_clear_is_read_as_well(encrypted: Settings) -> None:
    encrypted.BODY_ENCRYPTION = False
    poison = make_record(head=make_head(id="no-uuid"))
    ingest.ingest(make_batch(poison))
    encrypted.BODY_ENCRYPTION_KEYS = []

    assert dead_letters.record_of(DeadLetter.objects.get()) == poison


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["serial", "spool"])
def test_records_that_were_set_aside_cannot_be_swapped(dead_letter: DeadLetter, field: str) -> None:
    setattr(dead_letter, field, 99 if field == "serial" else uuid4())

    with pytest.raises(BrokenSeal):
        dead_letters.record_of(dead_letter)


@pytest.mark.django_db(transaction=True)
def test_workers_that_need_the_key_of_a_new_month_at_once_use_the_same() -> None:
    records = [make_record(ask(f"question {number}")) for number in range(6)]

    results = run_at_once([ingesting(make_batch(record)) for record in records])

    assert results == [1] * 6
    assert master_of(bytes(MonthKey.objects.get().wrapped)) == key_id(OLD)
    assert [body_of(UUID(record.head.id), "request") for record in records] == [
        record.request_body for record in records
    ]
