"""Out of one database and into another: everything comes back, byte for byte."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from proxy.record import Record
from proxy.store import ingest
from proxy.store.blobs import body_of
from proxy.store.models import Blob, DomainTotal, Exchange, ExchangeBody, Receipt, Rollup, Spool
from tests.store.agent_session import SESSION, AgentSession
from tests.store.records import (
    ask,
    make_batch,
    make_closing,
    make_head,
    make_record,
    say,
    start,
    stream,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]

OCTOBER, NOVEMBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC), datetime(2026, 11, 20, 12, tzinfo=UTC)


def all_kinds() -> list[Record]:
    """A session whose requests build on each other, and everything that is odd."""
    session = [
        make_record(
            body, serial=serial, head=make_head(NOVEMBER, headers=[("x-claude-code-session-id", SESSION)])
        )
        for serial, body in enumerate(AgentSession().requests(20), 1)
    ]
    odd = [
        make_record(b"\xff\xfe\x00", b"\x80 not text"),
        make_record(
            b"", b"", closing=make_closing(outcome="client_left", status=0, chunks=[], first_byte_ms=None)
        ),
        make_record(b"", head=make_head(OCTOBER, body_dropped=True, body_size=5_000_000)),
        make_record(
            ask("☃\u2028 \\u0000 \x7f"), closing=make_closing(response_dropped=True, response_size=9)
        ),
        make_record(b'{"a":"\\ud800","b":1e400}', b"", head=make_head(target="/v1/x?a=1&key=****")),
        make_record(ask(model="nobodys-model"), say(model="nobodys-model")),
        make_record(response=stream(start(input_tokens=5)), closing=make_closing(outcome="upstream_cut")),
        make_record(head=make_head(headers=[("a", "1"), ("A", "2"), ("é", "ü")])),
        make_record(closing=make_closing(outcome="refused", status=401), head=make_head(domain="stranger")),
    ]
    return session + odd


def export(path: Path, *arguments: str) -> bytes:
    call_command("export_traffic", *arguments, output=path, stderr=StringIO())
    return path.read_bytes()


def import_(*paths: Path, **options: Any) -> dict[str, Any]:
    output = StringIO()
    call_command("import_traffic", *map(str, paths), json=True, stdout=output, **options)
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def empty() -> None:
    for model in (Exchange, ExchangeBody, Blob, Receipt, Rollup, DomainTotal, Spool):
        model.objects.all().delete()


def sums() -> list[Any]:
    return [
        sorted(
            Rollup.objects.values_list(
                *(one.attname for one in Rollup._meta.concrete_fields if one.attname != "id")
            )
        ),
        sorted(DomainTotal.objects.values_list()),
        sorted(Spool.objects.values_list("id", "accepted", "dropped", "stored")),
    ]


@pytest.fixture
def traffic() -> None:
    ingest.ingest(make_batch(*all_kinds()))


@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_an_export_into_an_empty_database_is_exported_as_the_same_bytes(tmp_path: Path, name: str) -> None:
    bodies = {
        one: body_of(one, "request")
        for one in ExchangeBody.objects.filter(request_dropped=False).values_list("id", flat=True)
    }
    before, counted = export(tmp_path / name), sums()
    empty()

    done = import_(tmp_path / name)

    assert (done["stored"], done["known"], done["bad"]) == (29, 0, 0)
    assert export(tmp_path / f"again-{name}") == before
    assert sums() == counted
    assert {one: body_of(one, "request") for one in bodies} == bodies
    assert ExchangeBody.objects.exclude(parent=None).count() > 10


@pytest.mark.usefixtures("traffic")
def test_a_parquet_export_with_bodies_comes_back_as_the_same_lines(tmp_path: Path) -> None:
    lines = export(tmp_path / "a.jsonl")
    export(tmp_path / "a.parquet", "--format=parquet", "--bodies")
    empty()

    assert import_(tmp_path / "a.parquet")["stored"] == 29
    assert export(tmp_path / "b.jsonl") == lines
