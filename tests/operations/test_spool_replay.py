"""`manage.py spool replay`: what waits is stored once, whoever is gone, and the sums stay right."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, transaction
from pytest_django.fixtures import Settings

from proxy import record
from proxy.record import Record
from proxy.relay.spool.spool import Spool
from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.ingest import facts
from proxy.store.ingest.batch import ingest
from proxy.store.models import DeadLetter, DomainTotal, Exchange
from proxy.store.models import Spool as SpoolRow
from proxy.store.pipeline import Pipeline, pipeline
from proxy.store.postgres.partitions import TABLES
from tests.operations.conftest import LIMIT, Run, accept, left_behind, store_from
from tests.relay.disk import newest_segment
from tests.relay.examples import put
from tests.relay.large import accept_results, small_bounds
from tests.store.records import make_batch, make_head, make_record, uuid7
from tests.wire.batch_files import answered, usage

pytestmark = pytest.mark.django_db


def sums(found: Pipeline) -> tuple[int, int, int, int, int]:
    return found.accepted, found.stored, found.waiting, found.dropped, found.gaps


def ids() -> set[str]:
    return {str(key) for key in Exchange.objects.values_list("pk", flat=True)}


def test_what_dead_processes_left_is_stored_without_redis_and_the_slots_are_empty(
    root: Path, run: Run, settings: Settings
) -> None:
    waiting = left_behind(root, 3, "0") + left_behind(root, 150, "1")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    code, words, errors = run("replay", "--slots")

    assert (code, words, errors) == (0, "153 stored, 0 were stored before.\n", "")
    assert ids() == set(waiting)
    assert sums(pipeline()) == (153, 153, 0, 0, 0)
    assert sum(path.stat().st_size for path in root.glob("*/*.seg")) == 0


def test_a_second_replay_and_one_after_a_lost_confirmation_store_nothing_twice(root: Path, run: Run) -> None:
    spool = Spool(root / "0", LIMIT)
    for _ in range(5):
        accept(spool)
    store_from(spool, 2)
    spool.shut()

    first, second = run("replay")[1], run("replay")[1]

    assert (first, second) == ("3 stored, 2 were stored before.\n", "0 stored, 0 were stored before.\n")
    assert DomainTotal.objects.get().requests == 5
    assert sums(pipeline()) == (5, 5, 0, 0, 0)


def test_the_slot_of_a_running_process_is_left_to_it(root: Path, run: Run) -> None:
    spool = Spool(root / "0", LIMIT)
    accept(spool)

    code, words, _ = run("replay", "--slots")

    assert code == 0
    assert "1 slots belong to running proxies" in words
    assert (ids(), spool.waiting) == (set(), 1)
    spool.shut()


def test_a_large_file_of_results_is_replayed_in_parts(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexus_project.operations.spool.replay.MAX_BYTES", 4000)
    spool = Spool(root / "0", LIMIT)
    lines = [answered("claude-haiku-4-5", usage(10, 2)) for _ in range(1000)]
    exchange = accept_results(spool, [b"".join(lines[at : at + 10]) for at in range(0, 1000, 10)])
    accept(spool)
    spool.shut()

    with small_bounds():
        code, words, _ = run("replay", "--slots")

    assert (code, words) == (0, "2 stored, 0 were stored before.\n")
    row = Exchange.objects.get(pk=exchange)
    assert (row.input_tokens, row.output_tokens) == (10_000, 2_000)
    assert sums(pipeline()) == (2, 2, 0, 0, 0)
    with pytest.raises(BodyMissingError, match="was not kept"):
        body_of(row.id, "response")


def test_an_exchange_that_was_killed_is_stored_as_aborted(root: Path, run: Run) -> None:
    spool = Spool(root / "0", LIMIT)
    spool.open(record.encode(make_head()), b"")
    spool.shut()

    run("replay")

    assert Exchange.objects.get().outcome == "aborted"


def test_a_dry_run_counts_and_changes_nothing(root: Path, run: Run) -> None:
    left_behind(root, 3)
    ingest(make_batch(make_record(head=make_head(id="no-uuid"))))
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}

    code, words, _ = run("replay", "--dry-run")

    assert (code, words) == (0, "4 would be stored, 0 were stored before.\n")
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert ids() == set()


def test_a_damaged_record_is_counted_and_told_and_the_rest_is_stored(root: Path, run: Run) -> None:
    left_behind(root, 3)
    path = newest_segment(root / "0")
    path.write_bytes(path.read_bytes().replace(b"nexus.example", b"nexus-example", 1))

    code, _, errors = run("replay")

    assert code == 1
    assert "1 damaged records were moved to" in errors
    assert sums(pipeline()) == (3, 2, 0, 1, 0)


def test_a_database_in_trouble_loses_nothing(root: Path, run: Run) -> None:
    left_behind(root, 3)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE proxy_receipt RENAME TO lost")
    with pytest.raises(ProgrammingError), transaction.atomic():
        run("replay", "--slots")
    spool = Spool(root / "0", LIMIT)

    assert (spool.waiting, spool.dropped) == (3, 0)
    spool.shut()


@pytest.fixture
def refusing() -> Iterator[Callable[[], None]]:
    """A defect that keeps a record from being stored; calling it is the repair."""
    broken = pytest.MonkeyPatch()
    original = facts.exchange_id_of

    def fail(item: Record) -> Any:
        if item.request_body == b"poison":
            raise ValueError("a defect")
        return original(item)

    broken.setattr(facts, "exchange_id_of", fail)
    yield broken.undo
    broken.undo()


def test_a_record_that_was_set_aside_is_stored_once_after_the_repair(
    root: Path, run: Run, refusing: Callable[[], None]
) -> None:
    poison = make_record(b"poison", serial=2)
    batch = make_batch(make_record(serial=1), poison, make_record(serial=3))
    ingest(batch)
    still = run("replay", "--set-aside")
    refusing()

    done, again = run("replay", "--set-aside"), run("replay", "--set-aside")

    assert still[0] == 1
    assert "record 2 of spool" in still[2]
    assert "a defect" in still[2]
    assert (done[:2], again[:2]) == (
        (0, "1 stored, 0 were stored before.\n"),
        (0, "0 stored, 0 were stored before.\n"),
    )
    assert body_of(Exchange.objects.get(serial=2).pk, "request") == b"poison"
    assert bytes(DeadLetter.objects.get().record) == b""
    assert DeadLetter.objects.waiting().count() == 0
    assert sums(pipeline()) == (3, 3, 0, 0, 0)
    assert DomainTotal.objects.get().requests == 3


def test_a_batch_that_comes_again_after_the_repair_takes_its_record_back_and_counts_it_once(
    refusing: Callable[[], None],
) -> None:
    batch = make_batch(make_record(serial=1), make_record(b"poison", serial=2))
    ingest(batch)
    refusing()

    ingest(batch)
    ingest(batch)

    assert DeadLetter.objects.waiting().count() == 0
    assert Exchange.objects.count() == 2
    assert sums(pipeline()) == (2, 2, 0, 0, 0)


def test_another_record_with_the_same_serial_does_not_take_the_set_aside_one_for_stored() -> None:
    poison = make_record(serial=2, head=make_head(id="no-uuid"))
    batch = make_batch(poison)
    ingest(batch)

    ingest(make_batch(make_record(serial=2), spool=batch.spool))

    assert msgspec.msgpack.decode(bytes(DeadLetter.objects.waiting().get().record), type=Record) == poison
    assert SpoolRow.objects.get().stored == 2


def test_a_record_that_cannot_be_decoded_stays_and_is_told(run: Run, root: Path, tmp_path: Path) -> None:
    DeadLetter.objects.create(spool=uuid7(), serial=4, error="x", record=b"\x93no record")

    exported = run("export", tmp_path / "away.jsonl")
    code, _, errors = run("replay", "--set-aside")

    assert (code, exported[0]) == (1, 1)
    assert all("record 4" in words and "cannot be read" in words for words in (errors, exported[2]))
    assert DeadLetter.objects.waiting().count() == 1


def test_what_an_older_nexus_could_not_decode_is_rescued_from_damaged_and_no_longer_dropped(
    root: Path, run: Run
) -> None:
    spool = Spool(root / "0", LIMIT)
    kept, salvaged = accept(spool), accept(spool, b"x" * 3000, b"y" * 200)
    put(spool)  # its head is no struct, now or ever
    [_, second, third] = spool.take(10, LIMIT)
    spool.reject(second, "it cannot be decoded")
    spool.reject(third, "it cannot be decoded")
    spool.give_back([1])
    spool.shut()
    files = len(list((root / "0" / "damaged").iterdir()))

    first, again = run("replay", "--slots"), run("replay", "--slots")

    assert (first[:2], again[:2]) == (
        (0, "2 stored, 0 were stored before.\n"),
        (0, "0 stored, 0 were stored before.\n"),
    )
    assert ids() == {kept, salvaged}
    assert body_of(Exchange.objects.get(serial=2).pk, "request") == b"x" * 3000
    assert (SpoolRow.objects.get().dropped, SpoolRow.objects.get().recovered) == (2, 1)
    assert sums(pipeline()) == (3, 2, 0, 1, 0)
    assert (files, len(list((root / "0" / "damaged").iterdir()))) == (8, 4)


def test_an_export_carries_everything_exactly_and_is_stored_once_elsewhere(
    root: Path, run: Run, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 20
    spool = Spool(root / "0", LIMIT)
    waiting = accept(spool, body)
    stored = accept(spool)
    store_from_second(spool)
    spool.open(record.encode(make_head()), b"still running")
    ingest(
        make_batch(
            make_record(b"\xff poison", serial=9, head=make_head(id="no-uuid", started_at=float("nan")))
        )
    )
    dead_letter = bytes(DeadLetter.objects.get().record)

    code, words, _ = run("export", tmp_path / "away.jsonl")
    spool.shut()
    forget_everything()
    first = run("replay", "--file", tmp_path / "away.jsonl")
    again = run("replay", "--file", tmp_path / "away.jsonl")

    assert (code, words) == (0, f"2 records are in {tmp_path / 'away.jsonl'}.\n")
    assert (tmp_path / "away.jsonl").stat().st_mode & 0o777 == 0o600
    assert ids() == {waiting}
    assert stored not in ids()
    assert body_of(Exchange.objects.get().pk, "request") == body
    assert bytes(DeadLetter.objects.get().record) == dead_letter
    assert [first[1], again[1]] == ["2 stored, 0 were stored before.\n", "0 stored, 2 were stored before.\n"]


def store_from_second(spool: Spool) -> None:
    store_from(spool, 2)
    Exchange.objects.filter(serial=1).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM proxy_receipt WHERE serial = 1")


def forget_everything() -> None:
    """As in the database of another Nexus."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}, proxy_spool, proxy_setaside")


def test_a_file_that_exists_is_not_overwritten(root: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "away.jsonl").write_text("precious")

    with pytest.raises(CommandError, match="exists already: give a new name"):
        run("export", tmp_path / "away.jsonl")

    assert (tmp_path / "away.jsonl").read_text() == "precious"


def test_a_line_that_is_no_record_is_told_and_the_others_are_stored(
    root: Path, run: Run, tmp_path: Path
) -> None:
    left_behind(root, 3)
    run("export", tmp_path / "away.jsonl")
    lines = (tmp_path / "away.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "torn.jsonl").write_bytes(lines[0] + b"{}\n" + lines[1] + lines[2][:100])

    code, words, errors = run("replay", "--file", tmp_path / "torn.jsonl")

    assert (code, words) == (1, "2 stored, 0 were stored before.\n")
    assert [line.split(" of ")[0] for line in errors.splitlines()] == ["line 2", "line 4"]


def test_a_file_that_is_missing_says_what_to_do(run: Run, root: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Name a file that `manage.py spool export` wrote"):
        run("replay", "--file", tmp_path / "nowhere")


def test_a_record_of_a_newer_nexus_is_refused_and_not_guessed(run: Run, root: Path, tmp_path: Path) -> None:
    left_behind(root, 1)
    run("export", tmp_path / "away.jsonl")
    line = msgspec.json.decode((tmp_path / "away.jsonl").read_bytes())
    line["record"][0] = 2
    (tmp_path / "newer.jsonl").write_bytes(msgspec.json.encode(line))

    code, words, _ = run("replay", "--file", tmp_path / "newer.jsonl")

    assert (code, words) == (1, "0 stored, 0 were stored before.\n")


def test_a_dry_run_of_a_file_counts_what_is_new_and_names_what_is_no_record(
    root: Path, run: Run, tmp_path: Path
) -> None:
    left_behind(root, 3)
    run("export", tmp_path / "away.jsonl")
    run("replay", "--slots")
    left_behind(root, 1, "1")
    run("export", tmp_path / "more.jsonl")
    both = (tmp_path / "away.jsonl").read_bytes() + b"[]\n" + (tmp_path / "more.jsonl").read_bytes()
    (tmp_path / "both.jsonl").write_bytes(both)

    code, words, errors = run("replay", "--dry-run", "--file", tmp_path / "both.jsonl")

    assert (code, words) == (1, "1 would be stored, 3 were stored before.\n")
    assert errors.startswith("line 4 of ")
    assert Exchange.objects.count() == 3


def test_a_dry_run_leaves_running_processes_out(root: Path, run: Run) -> None:
    spool = Spool(root / "0", LIMIT)
    accept(spool)

    words = run("replay", "--slots", "--dry-run")[1]

    assert words.startswith("0 would be stored")
    assert "1 slots belong to running proxies" in words
    spool.shut()


def test_a_slot_that_cannot_be_used_is_told_and_the_others_are_done(
    root: Path, run: Run, tmp_path: Path
) -> None:
    left_behind(root, 1, "0")
    waiting = left_behind(root, 1, "1")
    (root / "0" / "lock").unlink()
    (root / "0" / "lock").mkdir()

    exported = run("export", tmp_path / "away.jsonl")
    code, words, errors = run("replay", "--slots")

    assert (code, words) == (1, "1 stored, 0 were stored before.\n")
    assert f"{root / '0'} cannot be used" in errors
    assert ids() == set(waiting)
    assert (exported[0], f"{root / '0'} cannot be used" in exported[2]) == (1, True)


def test_more_records_than_one_batch_are_carried(root: Path, run: Run, tmp_path: Path) -> None:
    waiting = left_behind(root, 230, "0") + left_behind(root, 5, "1")
    run("export", tmp_path / "away.jsonl")
    for path in root.glob("*/*.seg"):
        path.unlink()

    code, words, _ = run("replay", "--file", tmp_path / "away.jsonl")

    assert (code, words) == (0, "235 stored, 0 were stored before.\n")
    assert ids() == set(waiting)
