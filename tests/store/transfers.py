"""Exchanges of every kind, and the commands that take them out and in."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from proxy.record import Record
from proxy.store.models import Conversation, DomainTotal, Rollup, Spool
from proxy.store.postgres.partitions import MODELS
from tests.store.agent_headers import request_headers, response_headers
from tests.store.agent_session import SESSION, AgentSession
from tests.store.records import ask, make_closing, make_head, make_record, say, start, stream

OCTOBER, NOVEMBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC), datetime(2026, 11, 20, 12, tzinfo=UTC)


def all_kinds() -> list[Record]:
    """A session whose requests build on each other, and everything that is odd."""
    session = [
        make_record(
            body,
            serial=serial,
            head=make_head(NOVEMBER, headers=request_headers(SESSION, serial, body)),
            closing=make_closing(headers=response_headers(SESSION, serial)),
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
        make_record(
            response=b"",
            closing=make_closing(response_not_kept=True, response_size=10**6, response_digest=b"d" * 32),
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
    emptied: tuple[type[models.Model], ...] = (*MODELS, Conversation, Rollup, DomainTotal, Spool)
    for model in emptied:
        model._default_manager.all().delete()


def sums() -> list[Any]:
    return [
        sorted(
            Rollup.objects.values_list(
                *(field.attname for field in Rollup._meta.concrete_fields if field.attname != "id")
            )
        ),
        sorted(DomainTotal.objects.values_list()),
        sorted(Spool.objects.values_list("id", "accepted", "dropped", "stored")),
    ]


def lines_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def reasons(path: Path, **options: Any) -> list[str]:
    """Why lines are bad; at least one has to be."""
    output = StringIO()
    with pytest.raises((SystemExit, CommandError)):
        call_command("import_traffic", str(path), json=True, stdout=output, **options)
    return [
        f"{bad_line['line']}: {bad_line['reason']}" for bad_line in json.loads(output.getvalue())["bad_lines"]
    ]
