"""Out of one database and into another: everything comes back, byte for byte."""

import io
import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection

from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.ingest import batch as ingest
from proxy.store.models import CacheBreak, Exchange, ExchangeBody, Finding, Offer, Price, Spool
from proxy.store.months.retention import BODIES
from proxy.store.pipeline import pipeline
from proxy.store.postgres.partitions import MODELS
from tests.roles import OWNER
from tests.store.records import (
    make_batch,
    make_head,
    make_record,
    uuid7,
)
from tests.store.transfers import empty, export, import_, lines_of, reasons, sums

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]


@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_an_export_into_an_empty_database_is_exported_as_the_same_bytes(tmp_path: Path, name: str) -> None:
    bodies = {
        item: body_of(item, "request")
        for item in ExchangeBody.objects.filter(request_dropped=False).values_list("id", flat=True)
    }
    before, counted = export(tmp_path / name), sums()
    empty()

    done = import_(tmp_path / name)

    assert (done["stored"], done["known"], done["bad"]) == (30, 0, 0)
    assert export(tmp_path / f"again-{name}") == before
    assert sums() == counted
    assert {body: body_of(body, "request") for body in bodies} == bodies
    assert ExchangeBody.objects.exclude(parent=None).count() > 10


def rows_by_month() -> dict[str, list[tuple[Any, ...]]]:
    """Of each table, but for those that hold bodies: they may be cut in another way."""
    # What is found in turns comes later, and few of them have an offer.
    found = (CacheBreak, Finding, Offer)
    tables = {
        model._meta.db_table: model._default_manager.order_by("pk") for model in MODELS if model not in found
    }
    return {name: list(rows.values_list()) for name, rows in tables.items() if name not in BODIES.tables}


@pytest.mark.usefixtures("traffic")
def test_every_table_by_month_has_its_rows_again(tmp_path: Path) -> None:
    lines, before = export(tmp_path / "a.jsonl"), rows_by_month()
    empty()

    import_(tmp_path / "a.jsonl")

    assert len(lines.splitlines()) == 30
    assert {name: len(before[name]) for name in ("proxy_exchange", "proxy_receipt")} == {
        "proxy_exchange": 30,
        "proxy_receipt": 30,
    }
    assert before["proxy_conversationhour"]
    assert len(before["proxy_turn"]) > 10
    assert rows_by_month() == before


@pytest.mark.usefixtures("traffic")
def test_a_parquet_export_with_bodies_comes_back_as_the_same_lines(tmp_path: Path) -> None:
    lines = export(tmp_path / "a.jsonl")
    export(tmp_path / "a.parquet", "--format=parquet", "--bodies")
    empty()

    assert import_(tmp_path / "a.parquet")["stored"] == 30
    assert export(tmp_path / "b.jsonl") == lines


@pytest.mark.usefixtures("traffic")
def test_into_the_same_database_and_twice_changes_nothing(tmp_path: Path) -> None:
    before, counted = export(tmp_path / "a.jsonl"), sums()

    done = import_(tmp_path / "a.jsonl", tmp_path / "a.jsonl")

    assert (done["stored"], done["known"], done["bad"]) == (0, 60, 0)
    assert (export(tmp_path / "b.jsonl"), sums()) == (before, counted)


@pytest.mark.usefixtures("traffic")
def test_a_body_that_is_not_kept_stays_so_with_its_size_and_digest(tmp_path: Path) -> None:
    [line] = [item for item in lines_of(export(tmp_path / "a.jsonl")) if item["response_not_kept"]]
    empty()
    import_(tmp_path / "a.jsonl")

    assert (line["response_bytes"], line["response_sha256"]) == (10**6, b"dddd".hex() * 8)
    assert not line["response_dropped"]
    assert "response_body" not in line
    with pytest.raises(BodyMissingError, match=r"was not kept \(size 1,000,000 bytes"):
        body_of(UUID(line["id"]), "response")


def test_a_line_of_before_bodies_could_be_too_large_is_still_read(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record()))
    [line] = lines_of(export(tmp_path / "a.jsonl"))
    older = {name: value for name, value in line.items() if not name.endswith("_not_kept")}
    (tmp_path / "b.jsonl").write_text(json.dumps(older) + "\n")
    empty()

    assert import_(tmp_path / "b.jsonl")["stored"] == 1
    assert lines_of(export(tmp_path / "c.jsonl")) == [line]


def test_without_bodies_or_after_they_expired_the_rest_comes_back(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record(), make_record()))
    ExchangeBody.objects.filter(id=Exchange.objects.order_by("id").values("id")[:1]).delete()
    before = export(tmp_path / "a.jsonl", "--no-bodies")
    empty()

    assert import_(tmp_path / "a.jsonl")["stored"] == 2

    assert export(tmp_path / "b.jsonl") == before
    with pytest.raises(BodyMissingError, match="was not in the export from which the exchange came"):
        body_of(ExchangeBody.objects.get().id, "request")


def test_a_price_is_named_only_where_all_its_values_agree(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record()))
    before = Exchange.objects.get()
    export(tmp_path / "a.jsonl")
    empty()
    Price.objects.filter(model=before.model).update(input=4)

    assert import_(tmp_path / "a.jsonl")["unpriced"] == 1

    after = Exchange.objects.get()
    assert (after.cost_usd, after.cost_state, after.price_id) == (before.cost_usd, "exact", None)


def test_a_month_that_was_dropped_here_is_not_counted_twice(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record(head=make_head(datetime(2026, 1, 9, tzinfo=UTC)))))
    before, counted = export(tmp_path / "a.jsonl"), sums()
    with connection.cursor() as cursor:
        for part in ("bodies", "metadata"):
            cursor.execute("SELECT nexus_drop_month('2026-01-01', %s)", [part])

    assert "use --no-sums" in reasons(tmp_path / "a.jsonl")[0]
    assert import_(tmp_path / "a.jsonl", sums=False)["stored"] == 1

    assert (export(tmp_path / "b.jsonl"), sums()) == (before, counted)


def test_an_import_fills_the_gaps_of_a_database_from_an_older_backup(tmp_path: Path) -> None:
    spool = str(uuid7())
    ingest.ingest(
        make_batch(
            *(make_record(serial=serial) for serial in range(1, 6)), spool=spool, accepted=9, dropped=2
        )
    )
    export(tmp_path / "a.jsonl")
    empty()
    ingest.ingest(make_batch(spool=spool, accepted=9, dropped=2))

    import_(tmp_path / "a.jsonl")

    state = pipeline()
    assert (state.accepted, state.stored, state.waiting, state.dropped, state.gaps) == (9, 5, 2, 2, 0)


def test_an_import_alone_accepts_what_it_stores(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record(serial=700), accepted=900))
    export(tmp_path / "a.jsonl")
    empty()

    import_(tmp_path / "a.jsonl")

    spool, state = Spool.objects.get(), pipeline()
    assert (spool.accepted, spool.stored, state.accepted, state.waiting) == (1, 1, 1, 0)


def test_standard_output_leads_into_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest.ingest(make_batch(make_record()))
    written = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", written)
    call_command("export_traffic", stderr=StringIO())
    data = written.buffer.getvalue()
    empty()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))

    call_command("import_traffic", "-", stdout=StringIO())

    assert export(tmp_path / "a.jsonl") == data
