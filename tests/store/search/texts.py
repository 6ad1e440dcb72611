"""Rows for search, as ingest makes them of turns."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from proxy.conversations.search.new_text import Part
from proxy.store.bodies import data_keys
from proxy.store.models import SearchText, month_of
from proxy.store.search.rows import text_row
from tests.roles import as_owner
from tests.store.records import uuid7

CONVERSATION = UUID(int=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@as_owner()
def make_text(
    *texts: str,
    at: datetime = NOON,
    domain: str = "a.example",
    conversation: UUID = CONVERSATION,
    exchange_id: UUID | None = None,
) -> UUID:
    """A stored turn that says these texts; its id."""
    row_id = exchange_id or uuid7(at)
    month = month_of(row_id).date()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_ensure_month(%s)", [month])
    parts = [Part("prompt", text) for text in texts]
    text_row(row_id, domain, conversation, parts, data_keys.seal_of(month)).save(force_insert=True)
    return row_id


def fill(count: int, words: str = "filler", **fields: object) -> None:
    """Many turns that say the same, in one statement: they are as new as the first."""
    first = make_text(words, **fields)  # type: ignore[arg-type]  # the caller names the fields
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO proxy_text SELECT nexus_nth(id, n), domain, conversation, terms, text FROM proxy_text,"
            " generate_series(1, %s) AS n WHERE id = %s".replace(
                "nexus_nth(id, n)", "(substr(id::text, 1, 24) || lpad(to_hex(n), 12, '0'))::uuid"
            ),
            [count - 1, first],
        )


def rows() -> list[SearchText]:
    with as_owner():
        return list(SearchText.objects.order_by("id"))
