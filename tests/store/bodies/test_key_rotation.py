"""Master keys are exchanged while bodies are read and written."""

import json
from datetime import UTC, date, datetime
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from proxy.store.bodies.blobs import body_of
from proxy.store.bodies.encryption import key_id, master_of
from proxy.store.ingest import batch as ingest
from proxy.store.models import Blob, LinkingKey, MonthKey
from tests.roles import OWNER
from tests.store.records import ask, make_batch, make_head, make_record

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

OLD, NEW = b"o" * 32, b"n" * 32
MOMENTS = [datetime(2026, month, 2, tzinfo=UTC) for month in (9, 10, 11)]


@pytest.fixture(autouse=True)
def encrypted(settings: Settings) -> Settings:
    settings.BODY_ENCRYPTION = True
    settings.BODY_ENCRYPTION_KEYS = [OLD]
    return settings


@pytest.fixture
def exchanges() -> list[UUID]:
    """One of each month, under the old key."""
    records = [make_record(head=make_head(moment)) for moment in MOMENTS]
    ingest.ingest(make_batch(*records))
    return [UUID(record.head.id) for record in records]


def rotated(*options: str) -> str:
    output = StringIO()
    call_command("rotate_body_keys", *options, stdout=output)
    return output.getvalue()


def readable(exchanges: list[UUID]) -> bool:
    return all(body_of(exchange, "request") == ask() for exchange in exchanges)


def masters_in_use() -> set[str]:
    return {master_of(bytes(wrapped)) for wrapped in MonthKey.objects.values_list("wrapped", flat=True)}


def test_a_master_key_is_exchanged_without_a_body_being_written(
    encrypted: Settings, exchanges: list[UUID]
) -> None:
    before = list(Blob.objects.order_by("digest").values_list("month", "digest", "data"))
    assert readable(exchanges)
    encrypted.BODY_ENCRYPTION_KEYS = [NEW, OLD]
    assert readable(exchanges)
    ingest.ingest(make_batch(make_record(head=make_head(datetime(2026, 12, 1, tzinfo=UTC)))))
    assert masters_in_use() == {key_id(OLD), key_id(NEW)}

    reported = rotated()

    assert f"3 of 4 keys were wrapped under master key {key_id(NEW)}; 1 were already." in reported
    assert f"No month needs master key {key_id(OLD)}: remove it" in reported
    assert readable(exchanges)
    encrypted.BODY_ENCRYPTION_KEYS = [NEW]
    assert readable(exchanges)
    assert masters_in_use() == {key_id(NEW)}
    for was, now in zip(before, Blob.objects.filter(month__lte=MOMENTS[-1]).order_by("digest"), strict=True):
        assert was == (now.month, now.digest, now.data)


def test_a_dry_run_changes_nothing(encrypted: Settings, exchanges: list[UUID]) -> None:
    encrypted.BODY_ENCRYPTION_KEYS = [NEW, OLD]

    reported = rotated("--dry-run")

    assert "3 of 3 keys would be wrapped under" in reported
    assert f"No month needs master key {key_id(OLD)} then" in reported
    assert masters_in_use() == {key_id(OLD)}


def test_a_second_rotation_has_nothing_to_do(encrypted: Settings, exchanges: list[UUID]) -> None:
    encrypted.BODY_ENCRYPTION_KEYS = [NEW, OLD]
    first = json.loads(rotated("--json"))

    again = json.loads(rotated("--json"))

    assert first == {
        "masterKey": key_id(NEW),
        "months": 3,
        "rewrapped": ["2026-09", "2026-10", "2026-11"],
        "removable": [key_id(OLD)],
        "failed": {},
    }
    assert again == first | {"rewrapped": []}


def test_a_month_whose_master_key_is_missing_is_told_and_the_others_are_done(
    encrypted: Settings, exchanges: list[UUID]
) -> None:
    lost = b"l" * 32
    encrypted.BODY_ENCRYPTION_KEYS = [lost]
    MonthKey.objects.filter(month=date(2026, 9, 1)).delete()
    LinkingKey.objects.all().delete()
    ingest.ingest(make_batch(make_record(head=make_head(MOMENTS[0]))))
    encrypted.BODY_ENCRYPTION_KEYS = [NEW, OLD]
    output = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("rotate_body_keys", stdout=output)

    assert ended.value.code == 1
    assert "2 of 3 keys were wrapped" in output.getvalue()
    assert (
        f"Not done: the bodies of 2026-09 are encrypted under master key {key_id(lost)}" in output.getvalue()
    )
    assert (
        f"Not done: the keys of conversations are encrypted under master key {key_id(lost)}"
        in output.getvalue()
    )
    assert masters_in_use() == {key_id(NEW), key_id(lost)}


def test_without_a_master_key_the_command_says_what_is_missing(encrypted: Settings) -> None:
    encrypted.BODY_ENCRYPTION_KEYS = []

    with pytest.raises(CommandError, match="BODY_ENCRYPTION_KEYS holds no key: put one into the list"):
        rotated()
