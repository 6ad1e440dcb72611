"""`manage.py spool list`: where every accepted exchange is, without disturbing whoever holds it."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nexus_project import env
from proxy import record
from proxy.relay.spool.directory import DirectoryTaken, SpoolDirectory
from proxy.relay.spool.spool import Spool
from proxy.store.ingest.replay import store
from proxy.store.models import Spool as SpoolRow
from tests.operations.conftest import LIMIT, Run, accept, left_behind, store_from
from tests.relay.disk import newest_segment
from tests.relay.examples import make_closing, make_head, put
from tests.store import records
from tests.store.records import make_batch, make_record

pytestmark = pytest.mark.django_db

Listed = Callable[[], dict[str, Any]]


def test_without_any_spool_it_says_so(root: Path, run: Run) -> None:
    code, words, _ = run("list")

    assert (code, words) == (
        0,
        "There is no spool yet: no proxy ran with this NEXUS_DATA_DIR, and none is known.\n",
    )


def test_a_slot_that_was_left_behind_shows_what_waits_in_it(root: Path, listed: Listed) -> None:
    left_behind(root, 3)

    [spool] = listed()["spools"]

    assert (spool["where"], spool["slot"]) == ("left behind", str(root / "0"))
    assert (spool["accepted"], spool["stored"], spool["waiting"], spool["dropped"]) == (3, 0, 3, 0)
    assert spool["usedBytes"] > 0
    assert spool["oldestWaitingAt"] == 1_790_000_000.25


def test_what_arrived_does_not_wait_though_it_lies_on_the_disk(root: Path, listed: Listed) -> None:
    spool = Spool(root / "0", LIMIT)
    for _ in range(5):
        accept(spool)
    store_from(spool, 2)
    spool.shut()

    [line] = listed()["spools"]

    assert (line["accepted"], line["stored"], line["waiting"], line["gaps"]) == (5, 2, 3, 0)


def test_a_running_process_keeps_its_slot_and_notices_nothing(root: Path, listed: Listed) -> None:
    spool = Spool(root / "0", LIMIT)
    accept(spool)
    spool.open(record.encode(make_head()), b"a running exchange")

    [line] = listed()["spools"]

    assert (line["where"], line["accepted"], line["waiting"]) == ("running", 2, 2)
    with pytest.raises(DirectoryTaken):
        SpoolDirectory(root / "0")
    assert (spool.take(10, LIMIT), spool.dropped) == ([1], 0)
    spool.shut()


def test_a_frame_that_is_being_written_is_no_damage(root: Path, listed: Listed) -> None:
    spool = Spool(root / "0", LIMIT)
    accept(spool)
    with newest_segment(root / "0").open("ab") as file:
        file.write(b"half a frame")

    [line] = listed()["spools"]
    spool.shut()
    [later] = listed()["spools"]

    assert (line["unreadableBytes"], later["unreadableBytes"]) == (0, 12)


def test_damage_and_slots_that_cannot_be_used_need_a_person(root: Path, run: Run, listed: Listed) -> None:
    left_behind(root, 2)
    path = newest_segment(root / "0")
    path.write_bytes(path.read_bytes().replace(b"body 0", b"bodx 0"))
    (root / "1" / "lock").mkdir(parents=True)

    code, words, _ = run("list")

    assert code == 1
    assert [line["where"] for line in listed()["spools"]] == ["left behind", "unusable"]
    assert f"LOOK: {root / '0'} has" in words
    assert f"LOOK: {root / '1'} cannot be used" in words


def test_a_record_that_was_set_aside_is_listed_with_its_error(root: Path, run: Run, listed: Listed) -> None:
    store(make_batch(make_record(serial=7, head=records.make_head(id="no-uuid"))))

    code, words, _ = run("list")

    [dead_letter] = listed()["setAside"]
    assert code == 1
    assert dead_letter["serial"] == 7
    assert dead_letter["error"] in words
    assert "spool replay --set-aside" in words


def test_a_spool_of_another_machine_is_listed_as_elsewhere(root: Path, listed: Listed) -> None:
    row = SpoolRow.objects.create(accepted=5, stored=3, id=make_head().id)

    [line] = listed()["spools"]

    assert (line["where"], line["id"], line["slot"]) == ("elsewhere", row.id, "")
    assert (line["accepted"], line["stored"], line["waiting"]) == (5, 3, 2)


def test_drops_are_listed_and_a_fresh_one_needs_a_person(root: Path, run: Run, listed: Listed) -> None:
    spool = Spool(root / "0", 1000)
    for _ in range(10):
        accept(spool)
    spool.shut()

    code, words, _ = run("list")

    [line] = listed()["spools"]
    assert code == 1
    assert line["dropped"] > 0
    assert line["accepted"] == line["waiting"] + line["dropped"] == 10
    assert f"lost {line['dropped']} records dropped" in words


def test_a_record_that_nobody_can_decode_waits_until_somebody_gives_it_up(
    root: Path, run: Run, listed: Listed, tmp_path: Path
) -> None:
    spool = Spool(root / "0", LIMIT)
    put(spool)
    spool.close(spool.open(record.encode(make_head()), b""), b"", b"no closing")
    spool.shut()

    [line] = listed()["spools"]
    exported = run("export", tmp_path / "away.jsonl")[1]

    assert (line["waiting"], line["gaps"]) == (2, 0)
    assert exported.startswith("0 records")


def test_a_file_that_its_process_has_just_deleted_is_passed_over(root: Path, listed: Listed) -> None:
    left_behind(root, 2)
    newest = newest_segment(root / "0")
    gone = newest.name.replace("0000000001-", "0000000000-")
    (root / "0" / gone).symlink_to(root / "nowhere")

    [line] = listed()["spools"]

    assert (line["waiting"], line["unreadableBytes"]) == (2, 0)


def test_a_person_reads_when_something_was_last_lost(root: Path, run: Run) -> None:
    lost_at = datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC)
    SpoolRow.objects.create(id=make_head().id, accepted=5, stored=3, dropped=2, lost=2, lost_at=lost_at)

    code, words, _ = run("list")

    assert code == 0
    assert "dropped 2  missing 0  bodies dropped 0  (last loss 2026-11-03 04:05:06 UTC)" in words


def test_a_record_that_postgresql_will_refuse_waits_and_then_is_set_aside(
    root: Path, run: Run, listed: Listed
) -> None:
    spool = Spool(root / "0", LIMIT)
    head = msgspec.structs.replace(make_head(), id="no-uuid")
    spool.close(spool.open(record.encode(head), b""), b"", record.encode(make_closing()))
    spool.shut()
    [before] = listed()["spools"]

    run("replay", "--slots")

    [after] = listed()["spools"]
    assert (before["waiting"], before["stored"]) == (1, 0)
    assert (after["waiting"], after["stored"], after["gaps"]) == (0, 1, 0)
    assert len(listed()["setAside"]) == 1


def test_what_was_given_up_neither_waits_nor_counts_twice(root: Path, listed: Listed) -> None:
    (root / "1").mkdir(parents=True)  # nobody ever took it
    spool = Spool(root / "0", LIMIT)
    accept(spool)
    put(spool)
    [_, second] = spool.take(10, LIMIT)
    spool.reject(second, "it cannot be decoded")
    spool.shut()

    [line, empty] = listed()["spools"]

    assert (line["accepted"], line["waiting"], line["dropped"], line["gaps"]) == (2, 1, 1, 0)
    assert (empty["id"], empty["accepted"]) == ("", 0)


def test_without_the_database_the_command_says_what_to_do(root: Path) -> None:
    environment = env.child_environment(
        {"DATABASE_URL": "postgresql://nexus@127.0.0.1:1/nexus", "NEXUS_DATA_DIR": str(root.parent)}
    )

    done = subprocess.run(
        [sys.executable, "manage.py", "spool", "list"],
        env=environment,
        cwd=env.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "PostgreSQL does not answer" in done.stderr
    assert "Nothing is lost: bring it back and run this again." in done.stderr
    assert "Traceback" not in done.stderr
