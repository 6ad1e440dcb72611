"""Results that come in parts count once, whatever comes twice, late, cut elsewhere, to two workers or not at all."""

import random
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from uuid import UUID

import msgspec
import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django.fixtures import Settings

from proxy.batch import encode_part, new_compressor
from proxy.record import Batch, Part, Record
from proxy.store import tasks
from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import message_batches, replay, result_parts, storing
from proxy.store.ingest.result_parts import PartMissing
from proxy.store.models import (
    DeadLetter,
    DomainTotal,
    Exchange,
    ExchangeBody,
    MessageBatch,
    MonthKey,
    ResultsReader,
    Spool,
)
from proxy.store.months import retention
from proxy.store.sums import rollups
from proxy.wire.batch_reader import Reader
from tests.roles import as_owner
from tests.store.batch_records import JSONL, create, fetch
from tests.store.ingest.test_message_batches import SEVERAL_COST
from tests.store.ingest.test_races import run_at_once
from tests.store.records import make_batch, uuid7
from tests.wire.batch_files import SEVERAL_MODELS, failed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]
SPOOL = str(uuid7())
ONE_SUM = {"a.example": (SEVERAL_COST, 1_012)}


def large(body: bytes = SEVERAL_MODELS, **closing: object) -> Record:
    """The record of a fetch whose body travels in parts."""
    kept = {"response_not_kept": True, "response_size": len(body), "response_digest": sha256(body).digest()}
    return fetch(b"", closing={"headers": JSONL} | kept | closing)


def parts_of(
    record: Record, body: bytes = SEVERAL_MODELS, cuts: Sequence[int] = (500, 501, 1200)
) -> list[Part]:
    """Its parts, cut at these bytes."""
    positions = [0, *cuts, len(body)]
    last = Batch(SPOOL, 1, 0, [record])
    return [
        Part(record.head.id, begin, last if end == len(body) else None, body[begin:end])
        for begin, end in pairwise(positions)
    ]


def take(parts: Sequence[Part]) -> list[int]:
    return [ingest.take_part(part) for part in parts]


def sums() -> dict[str, tuple[object, ...]]:
    found = DomainTotal.objects.values_list("domain", "cost_usd", "output_tokens")
    return {domain: tuple(rest) for domain, *rest in found}


def test_results_in_parts_count_as_a_whole_file_does() -> None:
    record = large()

    assert take(parts_of(record)) == [0, 0, 0, 1]

    row = Exchange.objects.get()
    assert (row.cost_usd, row.cost_state, row.model) == (SEVERAL_COST, "exact", "(several)")
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (1_121, 1_011, 4_000)
    assert (row.response_bytes, row.outcome, row.request_type) == (len(SEVERAL_MODELS), "complete", "batch")
    assert MessageBatch.objects.get().counted_by == row.id
    assert sums() == ONE_SUM
    assert not ResultsReader.objects.exists()
    spool = Spool.objects.get()
    assert (spool.stored, spool.accepted, spool.bodies_dropped) == (1, 1, 0)


def test_the_body_is_not_kept_and_says_so_with_its_size_and_digest() -> None:
    record = large()
    take(parts_of(record))

    body = ExchangeBody.objects.get()
    digest = sha256(SEVERAL_MODELS)
    assert (body.response_not_kept, body.response_dropped, body.request_not_kept) == (True, False, False)
    assert bytes(body.response_digest) == digest.digest()
    assert bytes(body.response_manifest) == b""
    words = rf"was not kept \(size {len(SEVERAL_MODELS):,} bytes, SHA-256 {digest.hexdigest()}\)"
    with pytest.raises(BodyMissingError, match=words):
        body_of(UUID(record.head.id), "response")
    assert body_of(UUID(record.head.id), "request") == b""


def test_a_body_that_is_not_kept_and_of_which_nothing_is_known_says_that() -> None:
    record = large(response_digest=b"")
    take(parts_of(record))
    with as_owner():
        Exchange.objects.all().delete()

    with pytest.raises(BodyMissingError, match=r"size unknown, SHA-256 unknown"):
        body_of(UUID(record.head.id), "response")


@pytest.mark.parametrize("attempt", range(10))
def test_parts_that_come_twice_and_begin_again_elsewhere_count_once(attempt: int) -> None:
    chance = random.Random(attempt)
    record = large()
    before = parts_of(record, cuts=sorted(chance.sample(range(1, len(SEVERAL_MODELS)), 9)))
    again = parts_of(record, cuts=sorted(chance.sample(range(1, len(SEVERAL_MODELS)), 4)))
    begun = before[: chance.randrange(10)]

    new = take([*begun, *begun[-1:], *again, *again, *before])

    assert sum(new) == 1
    assert sums() == ONE_SUM
    assert not ResultsReader.objects.exists()
    assert Spool.objects.get().stored == 1


def test_a_part_before_whose_turn_it_is_fails_and_changes_nothing() -> None:
    record = large()
    first, second, third, last = parts_of(record)
    with pytest.raises(PartMissing, match=f"byte 0 of exchange {record.head.id} comes first, not byte 500"):
        ingest.take_part(second)
    assert not ResultsReader.objects.exists()
    ingest.take_part(first)

    for early in (third, last):
        with pytest.raises(PartMissing):
            ingest.take_part(early)

    assert ResultsReader.objects.get().next_byte == 500
    assert sum(take([second, third, last])) == 1
    assert sums() == ONE_SUM


def test_a_task_whose_part_is_missing_fails_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    first, second, *_ = (encode_part(part, new_compressor()) for part in parts_of(large()))

    assert tasks.ingest.apply((second,)).state == "FAILURE"
    assert "ingest.part_missing" in caplog.messages
    assert tasks.ingest.apply((first,)).get() == 0
    assert tasks.ingest.apply((second,)).get() == 0


def test_what_was_killed_before_the_commit_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    record = large()
    *earlier, last = parts_of(record)
    take(earlier)

    def killed(*_: object, **__: object) -> None:
        raise OperationalError("the worker was killed")

    with monkeypatch.context() as patch:
        patch.setattr(storing, "count_spool", killed)
        with pytest.raises(OperationalError):
            ingest.take_part(last)
    assert (Exchange.objects.count(), ResultsReader.objects.count()) == (0, 1)

    assert take([*earlier, last]) == [0, 0, 0, 1]
    assert sums() == ONE_SUM


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_two_workers_with_the_same_parts_count_them_once(attempt: int) -> None:
    chance = random.Random(attempt)
    record = large()
    deliveries = [
        parts_of(record, cuts=sorted(chance.sample(range(1, len(SEVERAL_MODELS)), 8))) for _ in range(2)
    ]

    def deliver(parts: Sequence[Part]) -> int:
        """As the shipper does: from the beginning when a part fails."""
        while True:
            try:
                return sum(take(parts))
            except PartMissing:
                continue

    new = run_at_once([lambda parts=parts: deliver(parts) for parts in deliveries])  # type: ignore[misc]

    assert sorted(new) == [0, 1]
    assert sums() == ONE_SUM
    assert Exchange.objects.get().cost_state == "exact"
    assert not ResultsReader.objects.exists()


@pytest.mark.parametrize("closing", [{"outcome": "upstream_cut"}, {"outcome": "aborted"}, {"status": 206}])
def test_a_download_that_broke_off_counts_nothing_and_the_next_whole_one_does(
    closing: dict[str, object],
) -> None:
    half = SEVERAL_MODELS[:-30]
    broken, whole = large(half, **closing), large()

    take([*parts_of(broken, half), *parts_of(whole)])

    cut = Exchange.objects.get(pk=broken.head.id)
    assert (cut.cost_state, cut.cost_usd, cut.response_bytes) == ("partial", None, len(half))
    assert (found := message_batches.usage_of(cut))
    assert (found.results.read, found.priced_at) == (5, None)
    assert Exchange.objects.get(pk=whole.head.id).cost_usd == SEVERAL_COST
    assert sums() == ONE_SUM
    assert not ResultsReader.objects.exists()


def test_results_beyond_their_bound_count_nothing_and_are_no_loss() -> None:
    record = large(response_size=2 * 1024**3)

    assert ingest.ingest(make_batch(create(), record)) == 2

    row = Exchange.objects.get(pk=record.head.id)
    assert (row.cost_state, row.cost_usd, row.response_bytes) == ("partial", None, 2 * 1024**3)
    assert Spool.objects.get().bodies_dropped == 0
    assert sum(take(parts_of(large()))) == 1
    assert sums() == ONE_SUM


def test_parts_whose_end_was_dropped_leave_nothing_behind() -> None:
    record = large(response_not_kept=False, response_dropped=True, response_digest=b"")
    first, second, *_ = parts_of(record)
    only = Part(record.head.id, 501, Batch(SPOOL, 1, 0, [record]), b"")

    assert take([first, second, only, only]) == [0, 0, 1, 0]

    assert Exchange.objects.get().cost_state == "partial"
    assert not ResultsReader.objects.exists()


def test_a_download_without_an_end_is_recorded_with_its_size_and_digest() -> None:
    record = large(outcome="aborted", status=0)

    take(parts_of(record))

    row = Exchange.objects.get()
    assert (row.outcome, row.cost_state, row.response_bytes) == ("aborted", "none", len(SEVERAL_MODELS))
    assert ExchangeBody.objects.get().response_not_kept
    assert not ResultsReader.objects.exists()


def test_with_storage_off_they_count_all_the_same(settings: Settings) -> None:
    settings.STORAGE_ENABLED = False

    assert sum(take([*parts_of(record := large()), *parts_of(record)])) == 1

    assert sums() == ONE_SUM
    assert (Exchange.objects.count(), ResultsReader.objects.count()) == (0, 0)


def test_what_another_version_wrote_is_read_again_from_the_beginning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = large()
    *earlier, last = parts_of(record)
    take(earlier)
    ResultsReader.objects.update(state=msgspec.msgpack.encode("of another version"))

    with pytest.raises(PartMissing):
        ingest.take_part(last)

    assert "ingest.results_anew" in caplog.messages
    assert sum(take([*earlier, last])) == 1
    assert sums() == ONE_SUM


def test_results_that_break_the_reader_are_stored_without_what_they_say(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = large()

    def broken(self: Reader, chunk: bytes) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "feed", broken)
        take(parts_of(record)[:2])
    take(parts_of(record)[1:])

    assert "ingest.unread" in caplog.messages
    row = Exchange.objects.get()
    assert (row.cost_state, row.response_bytes) == ("partial", len(SEVERAL_MODELS))
    assert not ResultsReader.objects.exists()


def test_a_record_that_is_set_aside_keeps_what_was_read_until_it_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = large()
    with monkeypatch.context() as patch:
        patch.setattr(rollups, "attribute", lambda rows: 1 / 0)
        assert sum(take(parts_of(record))) == 1
    assert ResultsReader.objects.get().next_byte == len(SEVERAL_MODELS)
    with as_owner():
        ResultsReader.objects.update(touched_at=timezone.now() - timedelta(days=30))
    retention.run(timezone.now())

    assert replay.retry(DeadLetter.objects.get().pk) == ""

    assert sums() == ONE_SUM
    assert not ResultsReader.objects.exists()


def test_what_nobody_went_on_with_for_a_week_is_removed() -> None:
    old, new = large(), large()
    take([parts_of(old)[0], parts_of(new)[0]])
    with as_owner():
        row = ResultsReader.objects.filter(pk=old.head.id)
        row.update(touched_at=timezone.now() - timedelta(days=8))

    retention.run(timezone.now())

    assert str(ResultsReader.objects.get()) == new.head.id
    assert sum(take(parts_of(old))) == 1
    assert sums() == ONE_SUM


def test_a_long_line_is_kept_between_parts() -> None:
    body = failed(custom_id="x" * 3_000_000) + SEVERAL_MODELS
    record = large(body)

    take(parts_of(record, body, cuts=(1_000_000, 2_000_000)))

    assert Exchange.objects.get().cost_usd == SEVERAL_COST


@pytest.fixture
def encrypted(settings: Settings) -> Settings:
    settings.BODY_ENCRYPTION = True
    settings.BODY_ENCRYPTION_KEYS = [b"k" * 32]
    return settings


def test_half_a_line_is_encrypted_as_bodies_are(encrypted: Settings) -> None:
    record = large()
    first, *rest = parts_of(record, cuts=(480,))
    ingest.take_part(first)

    assert b"custom_id" not in bytes(ResultsReader.objects.get().state)
    encrypted.BODY_ENCRYPTION = False  # from now on; what is sealed opens all the same
    take(rest)

    assert sums() == ONE_SUM


def test_without_the_key_a_part_waits_and_nothing_is_lost(encrypted: Settings) -> None:
    record = large()
    *earlier, last = parts_of(record)
    take(earlier)
    result_parts.read_on(last)
    encrypted.BODY_ENCRYPTION_KEYS = [b"x" * 32]
    with pytest.raises(KeyUnavailable):
        ingest.take_part(last)
    assert last.batch
    with pytest.raises(KeyUnavailable):
        ingest.ingest(last.batch)

    encrypted.BODY_ENCRYPTION_KEYS = [b"k" * 32]
    assert ingest.take_part(last) == 1
    assert sums() == ONE_SUM


def test_what_is_damaged_under_its_seal_is_read_again(encrypted: Settings) -> None:
    record = large()
    *earlier, last = parts_of(record)
    take(earlier)
    ResultsReader.objects.update(state=b"\x01damaged")

    with pytest.raises(PartMissing):
        ingest.take_part(last)
    assert sum(take([*earlier, last])) == 1
    assert sums() == ONE_SUM
    assert MonthKey.objects.count() == 1
