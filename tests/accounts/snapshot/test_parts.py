"""What others keep in the access snapshot is read with it, kept in its file, and never keeps the rest from being read."""

import logging
import time
from pathlib import Path

import msgspec
import pytest
from django.db.utils import OperationalError, ProgrammingError
from pytest_django import Settings

from accounts.access.decision import DomainAccess, Snapshot
from accounts.fields import encrypt_bytes
from accounts.snapshot import build as snapshot
from accounts.snapshot import file as snapshot_file
from accounts.snapshot import parts as snapshot_parts
from accounts.snapshot.parts import Part
from accounts.snapshot.watcher import Watcher
from tests.accounts.people import make_api_key


class Rate(msgspec.Struct, frozen=True):
    """What a part may hold."""

    name: str
    usd: int


RATES = [Rate("a", 1), Rate("b", 2)]
PART = Part("rates", list[Rate], lambda: list(RATES), lambda: [Rate("default", 0)])
ACCESS = {"a.example": DomainAccess("a.example")}


def failing(error: Exception) -> Part:
    def read() -> list[Rate]:
        raise error

    return Part("rates", list[Rate], read, PART.default)


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.NEXUS_DATA_DIR = tmp_path / "var"
    settings.CREDENTIALS_DIR = tmp_path
    settings.CLAUDE_API_KEY = ""
    settings.NEXUS_DATA_DIR.mkdir()
    path: Path = settings.NEXUS_DATA_DIR
    return path


@pytest.mark.django_db
def test_a_part_is_read_with_the_snapshot_and_stays_when_files_are_added(tmp_path: Path) -> None:
    stored = snapshot.from_database([PART])

    assert stored.parts == {"rates": RATES}
    assert snapshot.combine(stored, {}).parts == {"rates": RATES}
    assert snapshot.from_database().parts == {}


@pytest.mark.django_db(transaction=True)
def test_the_watcher_publishes_it_and_keeps_it_for_a_later_start(data_dir: Path) -> None:
    make_api_key()
    watcher = Watcher([PART])
    watcher.refresh_now()
    watcher.save()

    kept = snapshot_file.load([PART])

    assert watcher.current is not None
    assert watcher.current.parts == {"rates": RATES}
    assert kept is not None
    assert kept.parts == {"rates": RATES}


def test_it_survives_the_encrypted_file_and_is_in_no_clear_text_there(data_dir: Path) -> None:
    snapshot_file.save(Snapshot(ACCESS, parts={"rates": [Rate("a-plain-word", 1)]}))

    loaded = snapshot_file.load([PART])

    assert loaded == Snapshot(ACCESS, parts={"rates": [Rate("a-plain-word", 1)]})
    assert b"a-plain-word" not in (data_dir / snapshot_file.NAME).read_bytes()


def test_a_file_of_a_version_without_parts_serves_with_the_default(data_dir: Path) -> None:
    older = {"saved_at": time.time(), "domains": ACCESS}
    (data_dir / snapshot_file.NAME).write_bytes(encrypt_bytes(msgspec.msgpack.encode(older)))

    loaded = snapshot_file.load([PART])

    assert loaded is not None
    assert loaded.domains == ACCESS
    assert loaded.parts == {"rates": PART.default()}


@pytest.mark.parametrize(
    "kept", [{}, {"other": b"\x01"}, {"rates": b"\xc1"}, {"rates": msgspec.msgpack.encode(["x"])}]
)
def test_what_is_missing_or_has_another_form_is_the_default(kept: dict[str, bytes]) -> None:
    assert snapshot_parts.decoded(kept, [PART]) == {"rates": PART.default()}


@pytest.mark.django_db
def test_a_table_that_cannot_be_read_gives_the_default_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    make_api_key()

    with caplog.at_level(logging.ERROR):
        stored = snapshot.from_database([failing(ProgrammingError("permission denied for table rates"))])

    assert stored.parts == {"rates": PART.default()}
    assert set(stored.domains) == {"a.example"}
    [record] = caplog.records
    assert (record.message, record.__dict__["part"]) == ("access.part_unreadable", "rates")
    assert "permission denied" in record.__dict__["why"]
    assert "create_db_roles" in record.__dict__["action"]


def test_a_database_that_is_down_is_no_missing_table() -> None:
    """The whole snapshot is read again later, and until then the last one serves."""
    with pytest.raises(OperationalError):
        snapshot_parts.from_database([failing(OperationalError("gone"))])
