"""Databases for tests of whole ways through the pages: none, a small one, and a large one."""

import uuid
from datetime import timedelta

from django.utils import timezone

from proxy.store.models import Conversation, Exchange
from tests import people
from tests.dashboard.found import make_break
from tests.dashboard.large import large_session
from tests.dashboard.talk import stored
from tests.store.search.texts import make_text

WORD = "ledger"
SLOW_MODEL = "claude-opus-5-5"
LARGE = 600
LONG = "a-very-long-name-without-any-place-to-break-it-"


def small() -> Conversation:
    """A session of now with agents, a cache break and words to find, failures of ten o'clock, and two days of traffic."""
    now = timezone.now()
    people.make_price(SLOW_MODEL)
    people.make_credential(people.make_domain("team-0.example"))
    for hour in range(40):
        failed = hour % 5 == 0
        people.make_exchange(
            at=people.hours_ago(hour),
            domain=f"team-{hour % 3}.example",
            model=SLOW_MODEL if hour % 2 else "claude-sonnet-5-5",
            client_key=f"key-{hour % 4}",
            user_id=f"person-{hour % 2}",
            outcome="upstream_error" if failed else "complete",
            status=529 if failed else 200,
            error_type="overloaded_error" if failed else "",
            duration_ms=1000 + hour,
        )
    slowest = people.make_exchange(
        model=SLOW_MODEL,
        duration_ms=250_000,
        streamed=True,
        chunks=[(500.0 * step, 900) for step in range(1, 40)],
    )
    make_text(f"Move the billing service to the new {WORD}", exchange_id=slowest.id)
    people.make_exchange(at=now.replace(day=1, hour=12) - timedelta(days=3), domain="last-month.example")
    sent = large_session(4, name=str(uuid.uuid4()))
    begin = sent[0].started_at
    for each in sent:
        each.started_at = now - timedelta(minutes=30) + (each.started_at - begin)
    row = stored(sent, "team-0.example")
    make_break(Exchange.objects.get(id=sent[3].id), parent=sent[2].id)
    return row


def large() -> Conversation:
    """The small one, and many names and long ones beside it, over eight days."""
    for number in range(LARGE):
        people.make_exchange(
            at=timezone.now() - timedelta(minutes=number * 18),
            domain=f"{LONG * (number % 9 == 0)}team-{number % 90}.example",
            model=f"claude-{number % 30}",
            client_key=f"key-{number % 50}",
            input_tokens=9 ** (number % 9),
        )
    return small()
