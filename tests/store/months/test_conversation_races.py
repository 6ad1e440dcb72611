"""A month goes while turns of the same conversation come into another one: the sums are those of what is stored."""

from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from time import sleep

import pytest
from django.db import connection, transaction

from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation
from proxy.store.months import retention
from proxy.store.months.retention import METADATA, BusyError, Step
from tests.people import make_pin
from tests.roles import as_owner
from tests.store.months.test_conversations import FEBRUARY, counted_alone, sums, two_months
from tests.store.months.test_retention import JANUARY, drop_all, id_of
from tests.store.months.test_retention_races import in_thread, somebody_waits
from tests.store.records import make_batch

pytestmark = pytest.mark.django_db(transaction=True)

STEP = Step(JANUARY, METADATA, 0)


@pytest.fixture(autouse=True)
def no_months() -> Iterator[None]:
    """These tests commit what they drop, and what they leave."""
    yield
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE proxy_pin, proxy_droppedmonth, proxy_conversation")
        drop_all()
        drop_all(FEBRUARY.date())
        cursor.execute("TRUNCATE proxy_droppedmonth")


@pytest.mark.parametrize("known", [0, 2])
def test_a_drop_waits_for_a_turn_that_is_being_stored_and_counts_it(known: int) -> None:
    """`known` turns of February are there before: with none, the conversation would be gone with January."""
    old, new = two_months()
    ingest.ingest(make_batch(*old, *new[:known]))
    with transaction.atomic():
        ingest.ingest(make_batch(*new[known:]))
        thread, raised = in_thread(lambda: retention.drop(STEP))
        somebody_waits()
    thread.join()

    assert raised == []
    assert sums() == counted_alone(new)


@pytest.mark.parametrize("known", [0, 2])
def test_a_turn_that_comes_while_a_month_is_dropped_waits_and_is_added(known: int) -> None:
    old, new = two_months()
    ingest.ingest(make_batch(*old, *new[:known]))
    with transaction.atomic():
        assert retention.drop(STEP)
        thread, raised = in_thread(lambda: ingest.ingest(make_batch(*new[known:])))
        somebody_waits()
    thread.join()

    assert raised == []
    assert sums() == counted_alone(new)


def test_a_drop_that_waits_too_long_changes_nothing_and_comes_again() -> None:
    old, new = two_months()
    ingest.ingest(make_batch(*old))
    with transaction.atomic():
        ingest.ingest(make_batch(*new))
        thread, raised = in_thread(lambda: retention.drop(STEP))
        thread.join()
    assert [type(error) for error in raised] == [BusyError]
    assert Conversation.objects.get().turns == len(old) + len(new)

    assert retention.drop(STEP)

    assert sums() == counted_alone(new)


def test_turns_one_by_one_beside_drops_of_their_other_month_are_all_counted() -> None:
    old, new = two_months()
    make_pin(exchange=id_of(old[1]))
    done = Event()

    def drop() -> None:
        while not done.is_set():
            with suppress(BusyError):
                retention.drop(STEP)
            sleep(0.02)

    dropper, trouble = in_thread(drop)
    for late, present in zip(old, new, strict=True):
        ingest.ingest(make_batch(late))
        ingest.ingest(make_batch(present))
    done.set()
    dropper.join()
    retention.drop(STEP)

    assert trouble == []
    assert sums() == counted_alone([old[1], *new])
