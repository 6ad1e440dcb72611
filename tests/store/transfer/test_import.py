import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import DataError, OperationalError

from proxy.store.bodies.traffic import Whole
from proxy.store.conversations.turns import NewTurn
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import storing
from proxy.store.models import DomainTotal, Exchange, Receipt
from tests.roles import OWNER
from tests.store.records import ask, make_batch, make_record
from tests.store.transfers import empty, export, import_, lines_of, reasons

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]


BAD = [
    (b"{", "no JSON"),
    (b"[1]", "no JSON object"),
    (b'{"nexus_export":2}', "a newer Nexus may have written it"),
    (b'{"nexus_export":1}', "missing required field `id`"),
]
CHANGES = [
    ({"serial": "1"}, "Expected `int`, got `str` - at `$.serial`"),
    ({"status": 40_000}, "Expected `int` <= 32767 - at `$.status`"),
    ({"method": "x" * 33}, "length <= 32 - at `$.method`"),
    ({"domain": "a\x00"}, "at `$.domain`"),
    ({"surprise": 1}, "unknown field `surprise`"),
    ({"request_body": "changed"}, "request_body is not what request_sha256 was made of"),
    ({"response_body_base64": "?"}, "response_body is there twice"),
    ({"outcome": "lost"}, "the outcome is none of complete"),
    ({"cost_usd": "NaN"}, "cost_usd is no amount"),
    ({"cost_usd": "1e9"}, "cost_usd is no amount"),
    ({"usage": {"a": "\x00"}}, "usage holds what PostgreSQL cannot keep"),
    ({"id": "0f8fad5b-d9cb-469f-a165-70867728950e"}, "is no UUIDv7"),
    ({"started_at": "2026-11-20T12:30:00"}, "at `$.started_at`"),
    ({"tool_names": ["a\x00"]}, "1: "),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_line_is_told_with_its_number_and_the_others_are_stored(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    ingest.ingest(make_batch(make_record(), make_record()))
    first, second = export(tmp_path / "a.jsonl").splitlines(keepends=True)
    empty()
    (tmp_path / "b.jsonl").write_bytes(first + b"\n" + line + b"\n" + second)

    [reported] = reasons(tmp_path / "b.jsonl")

    assert reported.startswith("3: ")
    assert reason in reported
    assert Exchange.objects.count() == 2


@pytest.mark.parametrize(("changes", "reason"), CHANGES)
def test_a_line_that_was_changed_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    ingest.ingest(make_batch(make_record()))
    [line] = lines_of(export(tmp_path / "a.jsonl"))
    empty()
    (tmp_path / "b.jsonl").write_text(json.dumps(line | changes))

    [reported] = reasons(tmp_path / "b.jsonl")

    assert reason in reported
    assert not Exchange.objects.exists()
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("strict", [False, True])
def test_a_line_that_postgresql_refuses_is_refused_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    ingest.ingest(make_batch(make_record(), make_record(ask("poison")), make_record()))
    export(tmp_path / "a.jsonl")
    empty()
    keep = storing.keep

    def fail(new: Iterable[tuple[Whole, NewTurn | None]]) -> None:
        taken = list(new)
        if any(whole.traffic and b"poison" in (whole.traffic.request.body or b"") for whole, _ in taken):
            raise DataError("a value that no column holds")
        keep(taken)

    monkeypatch.setattr(storing, "keep", fail)

    assert "DataError: a value that no column holds" in reasons(tmp_path / "a.jsonl", strict=strict)[0]
    assert Exchange.objects.count() == Receipt.objects.count() == DomainTotal.objects.get().requests == 2


def test_strict_stops_at_the_first_bad_line_and_keeps_what_came_before(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record(), make_record()))
    first, second = export(tmp_path / "a.jsonl").splitlines()
    empty()
    (tmp_path / "b.jsonl").write_bytes(b"\n".join([first, b"{", second, b"["]))

    assert len(reasons(tmp_path / "b.jsonl", strict=True)) == 1
    assert Exchange.objects.count() == 1


@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_a_file_that_was_cut_is_told(tmp_path: Path, name: str) -> None:
    form = ["--format=parquet"] if name.endswith("parquet") else []
    data = export(tmp_path / name, *form)
    (tmp_path / name).write_bytes(data[: len(data) // 2])

    with pytest.raises(CommandError, match="cannot be read to its end"):
        import_(tmp_path / name)


def test_a_database_that_goes_away_is_told_and_blames_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_away(*arguments: object) -> None:
        raise OperationalError("the server closed the connection")

    ingest.ingest(make_batch(make_record(), make_record()))
    export(tmp_path / "a.jsonl")
    empty()
    monkeypatch.setattr(storing, "receive", go_away)

    with pytest.raises(CommandError, match=r"The database went away .* repeat the import"):
        import_(tmp_path / "a.jsonl")
