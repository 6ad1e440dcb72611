import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from proxy.store.ingest import batch as ingest
from proxy.store.models import Blob, Exchange
from proxy.store.transfer import exporting, selection
from tests.roles import OWNER
from tests.store.agent_headers import request_headers, response_headers
from tests.store.agent_session import SESSION
from tests.store.records import ask, make_batch, make_closing, make_head, make_record, start, stream
from tests.store.transfers import all_kinds, empty, export, lines_of, reasons

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]


def test_a_body_is_text_where_it_is_utf_8_else_base64(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record("☃\x00".encode(), b"\xff")))

    [line] = lines_of(export(tmp_path / "a.jsonl"))

    assert (line["request_body"], line["response_body_base64"]) == ("☃\x00", "/w==")
    assert (line["nexus_export"], line["cost_usd"], line["chunks"]) == (1, None, [[12.4, 100], [250.6, 44]])


FILTERS = [
    (["--domain=stranger"], 1),
    (["--domain=stranger", "--domain=a.example"], 30),
    (["--model=nobodys-model", "--model=none"], 1),
    (["--outcome=client_left", "--outcome=upstream_cut"], 3),
    ([f"--session={SESSION}"], 20),
    (["--since=2026-11-01"], 29),
    (["--until=2026-11-01T00:00Z"], 1),
    (["--since=2026-11-01T01:00+02:00", f"--session={SESSION}"], 20),
]


@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize(("arguments", "count"), FILTERS)
def test_filters_choose(tmp_path: Path, arguments: list[str], count: int) -> None:
    assert len(lines_of(export(tmp_path / "a", *arguments))) == count


def test_single_exchanges_are_chosen_by_id(tmp_path: Path) -> None:
    ingest.ingest(make_batch(*all_kinds()))
    first, _, third = list(Exchange.objects.order_by("id").values_list("id", flat=True)[:3])

    found = lines_of(export(tmp_path / "a", f"--id={first}", f"--id={third}"))

    assert [line["id"] for line in found] == [str(first), str(third)]


@pytest.mark.usefixtures("traffic")
def test_however_many_exchanges_there_are_queries_grow_with_pages_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    # The prices, two pages (the second empty), and rows, manifests, pieces of two months and dictionaries of one
    # for one group.
    with django_assert_max_num_queries(8):
        export(tmp_path / "a")
    monkeypatch.setattr(selection, "_PAGE", 7)
    monkeypatch.setattr(selection, "_GROUP_BYTES", 1)

    assert len(lines_of(export(tmp_path / "b"))) == 30
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.usefixtures("traffic")
def test_an_export_that_fails_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text("old")
    monkeypatch.setattr(exporting, "read", lambda group, bodies: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        export(tmp_path / "a.jsonl")

    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert (tmp_path / "a.jsonl").read_text() == "old"


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot be written .* choose another --output"):
        export(tmp_path / "none" / "a.jsonl")
    with pytest.raises(CommandError, match="Parquet needs a file"):
        call_command("export_traffic", "--format=parquet")


def test_only_its_owner_may_read_an_export(tmp_path: Path) -> None:
    export(tmp_path / "a.jsonl")

    assert (tmp_path / "a.jsonl").stat().st_mode & 0o077 == 0


def test_a_damaged_body_is_left_out_and_told(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record()))
    Blob.objects.all().delete()

    with pytest.raises(CommandError, match="2 bodies or headers are damaged and were left out"):
        export(tmp_path / "a.jsonl")

    [line] = lines_of((tmp_path / "a.jsonl").read_bytes())
    assert "request_body" not in line
    assert line["request_headers"]


def test_damaged_headers_are_left_out_and_told_without_bodies_too(tmp_path: Path) -> None:
    closing = make_closing(headers=response_headers("s", 1))
    ingest.ingest(make_batch(make_record(head=make_head(headers=request_headers("s", 1)), closing=closing)))
    Blob.objects.all().delete()

    with pytest.raises(CommandError, match="2 bodies or headers are damaged and were left out"):
        export(tmp_path / "a.parquet", "--format=parquet")


def test_a_key_that_is_missing_is_named(tmp_path: Path, settings: Settings) -> None:
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = True, [b"o" * 32]
    closing = make_closing(headers=response_headers("s", 1))
    ingest.ingest(make_batch(make_record(head=make_head(headers=request_headers("s", 1)), closing=closing)))
    settings.BODY_ENCRYPTION_KEYS = [b"n" * 32]

    with pytest.raises(CommandError, match=r"are encrypted under master key \w+, which is missing"):
        export(tmp_path / "a.jsonl", "--no-bodies")


def test_a_masked_export_shows_no_secret_and_cannot_be_imported(tmp_path: Path) -> None:
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "sk-ant-"}}
    rest = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "api03-SECRET"},
    }
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    streamed = stream(start(input_tokens=1), block, text, rest)
    head = make_head(target="/v1/messages?x=sk-ant-SECRET")
    ingest.ingest(make_batch(make_record(ask("Bearer SECRET", password="SECRET"), streamed, head=head)))

    masked = export(tmp_path / "a.jsonl", "--mask")

    assert b"sk-ant-****" in masked
    assert b"SECRET" not in masked
    assert b"SECRET" in export(tmp_path / "b.jsonl")
    empty()
    assert "masked" in reasons(tmp_path / "a.jsonl")[0]


def test_summaries_are_told_on_standard_error_also_as_json(tmp_path: Path) -> None:
    ingest.ingest(make_batch(make_record()))
    words, data = StringIO(), StringIO()
    call_command("export_traffic", output=tmp_path / "a", stderr=words)
    call_command("export_traffic", output=tmp_path / "a", stderr=data, json=True)

    size = (tmp_path / "a").stat().st_size
    assert words.getvalue().startswith(f"1 exchanges, {size:,} bytes, ")
    summary = json.loads(data.getvalue())
    assert (summary["exchanges"], summary["bytes"], summary["damaged"]) == (1, size, 0)
