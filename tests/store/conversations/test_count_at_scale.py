"""Counting conversations anew reads what they hold, and not what lies around them or came before."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connection

from proxy.store.models import Conversation, Turn
from proxy.store.seeding import seed
from proxy.store.seeding.seed import Wish
from tests.roles import OWNER

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]

_NIL = UUID(int=0)
# In one day, so that all of it is a part of a month.
WISH = Wish(6000, 1, 1, datetime(2026, 10, 12, 13, 25, tzinfo=UTC))
_READ = """
SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0) FROM pg_stat_xact_user_tables WHERE relname LIKE %s
"""


def rows_read(table: str, do: Callable[[], None]) -> int:
    """Rows of a table and its months that are read meanwhile, by this transaction."""
    before = _rows_read(table)
    do()
    return _rows_read(table) - before


def _rows_read(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_READ, [f"{table}%"])
        return int(cursor.fetchone()[0])


def count(ids: list[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_count_conversations(%s::uuid[], %s, %s, '{}')", [ids, _NIL, _NIL])


@pytest.fixture
def newest() -> list[UUID]:
    """Conversations that began last, among many; the planner knows how many."""
    seed.seed(WISH, lambda *step: None, jobs=1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE proxy_conversation, proxy_turn, proxy_exchange, proxy_conversationhour")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")  # as after a few calls
        cursor.execute("SET LOCAL enable_seqscan = off")  # as with many rows
    return list(Conversation.objects.order_by("-first_id").values_list("id", flat=True)[:20])


def test_exchanges_are_read_once_for_each_sum(newest: list[UUID]) -> None:
    turns = Turn.objects.filter(conversation__in=newest).count()
    assert turns > 20

    # For the conversations and for their hours, and a few by which the planner looks at the ends of an index.
    assert rows_read("proxy_exchange_2026", lambda: count(newest)) <= 2 * turns + 20


def test_older_conversations_are_not_looked_through(newest: list[UUID]) -> None:
    assert Conversation.objects.count() > 300

    assert rows_read("proxy_conversation", lambda: count(newest)) < 300
