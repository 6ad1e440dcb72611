"""accepted = stored + waiting + dropped + gaps, whatever is known."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import redis
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from proxy.heartbeat import SPOOLS_KEY, Heartbeat
from proxy.store.models import Spool
from proxy.store.pipeline import pipeline, state_of
from tests.people import SPOOL, make_spool

OTHER = UUID(int=SPOOL.int + 1)
counts = st.integers(0, 1000)


@pytest.fixture(autouse=True)
def no_heartbeats(real_redis: redis.Redis) -> Iterator[None]:
    real_redis.delete(SPOOLS_KEY)
    yield
    real_redis.delete(SPOOLS_KEY)


def beat(real_redis: redis.Redis, spool: UUID = SPOOL, **values: Any) -> None:
    real_redis.hset(SPOOLS_KEY, str(spool), msgspec.json.encode(values))


@pytest.mark.django_db
def test_nothing_is_balanced() -> None:
    found = pipeline()

    assert (found.accepted, found.stored, found.waiting, found.dropped, found.gaps) == (0, 0, 0, 0, 0)
    assert found.healthy


@pytest.mark.django_db
def test_without_heartbeats_what_is_not_stored_waits() -> None:
    make_spool(accepted=10, stored=7, dropped=1)

    (spool,) = pipeline().spools

    assert (spool.accepted, spool.stored, spool.waiting, spool.dropped, spool.gaps) == (10, 7, 2, 1, 0)


@pytest.mark.django_db
def test_a_heartbeat_knows_more_than_the_row(real_redis: redis.Redis) -> None:
    make_spool(accepted=10, stored=10)
    beat(real_redis, accepted=15, dropped=2, waiting=3, at=1.5)

    (spool,) = pipeline().spools

    assert (spool.accepted, spool.stored, spool.waiting, spool.dropped, spool.gaps) == (15, 10, 3, 2, 0)
    assert spool.at == 1.5


@pytest.mark.django_db
def test_what_the_proxy_no_longer_holds_is_a_gap(real_redis: redis.Redis) -> None:
    make_spool(accepted=20, stored=12)
    beat(real_redis, accepted=20, dropped=1, waiting=5, at=1.0)

    found = pipeline()

    assert (found.waiting, found.gaps) == (5, 2)
    assert not found.healthy


@pytest.mark.django_db
def test_spools_add_up(real_redis: redis.Redis) -> None:
    make_spool(accepted=5, stored=5)
    beat(real_redis, OTHER, accepted=3, dropped=0, waiting=3, at=1.0)

    found = pipeline()

    assert (found.accepted, found.stored, found.waiting) == (8, 5, 3)
    assert [spool.id for spool in found.spools] == [str(SPOOL), str(OTHER)]


@pytest.mark.django_db
@pytest.mark.parametrize("value", [b"", b"no json", b'{"accepted":"many"}', b"[]"])
def test_a_heartbeat_that_cannot_be_read_is_left_out(real_redis: redis.Redis, value: bytes) -> None:
    real_redis.hset(SPOOLS_KEY, str(SPOOL), value)

    assert pipeline().spools == []


@pytest.mark.django_db
def test_without_redis_the_rows_still_speak(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    make_spool(accepted=4, stored=4)

    assert pipeline().accepted == 4


@given(
    row=st.none() | st.builds(Spool, accepted=counts, dropped=counts, stored=counts, recovered=counts),
    heart=st.none() | st.builds(Heartbeat, accepted=counts, dropped=counts, waiting=counts),
)
def test_the_sum_always_holds(row: Spool | None, heart: Heartbeat | None) -> None:
    state = state_of("spool", row, heart)

    assert state.accepted == state.stored + state.waiting + state.dropped + state.gaps
    assert min(state.stored, state.waiting, state.dropped, state.gaps) >= 0


@pytest.mark.django_db
def test_the_api_tells_it_all(program: Client, real_redis: redis.Redis) -> None:
    make_spool(accepted=2, stored=1)
    beat(real_redis, accepted=2, dropped=0, waiting=1, at=3.0)

    assert program.get("/api/pipeline").json() == {
        "accepted": 2,
        "stored": 1,
        "waiting": 1,
        "dropped": 0,
        "gaps": 0,
        "bodiesDropped": 0,
        "lostAt": None,
        "healthy": True,
        "spools": [
            {
                "id": str(SPOOL),
                "accepted": 2,
                "stored": 1,
                "waiting": 1,
                "dropped": 0,
                "gaps": 0,
                "bodiesDropped": 0,
                "lostAt": None,
                "at": 3.0,
            }
        ],
    }


@pytest.mark.django_db
def test_a_dropped_record_that_was_stored_after_all_is_no_longer_dropped(real_redis: redis.Redis) -> None:
    make_spool(accepted=10, stored=9, dropped=2, recovered=1)
    beat(real_redis, accepted=10, dropped=2, waiting=0, at=1.0)

    (spool,) = pipeline().spools

    assert (spool.accepted, spool.stored, spool.waiting, spool.dropped, spool.gaps) == (10, 9, 0, 1, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lost", "age", "words", "state"),
    [
        (0, timedelta(hours=0), "Records dropped", "bad"),  # it is not noted yet
        (3, timedelta(hours=23), "Records dropped", "bad"),
        (3, timedelta(hours=25), "Nothing lost since", "past"),
    ],
)
def test_the_badge_is_red_for_a_day_and_then_tells_the_date(
    signed_in: Client, lost: int, age: timedelta, words: str, state: str
) -> None:
    make_spool(
        id=SPOOL, accepted=9, stored=6, dropped=3, lost=lost, lost_at=timezone.now() - age if lost else None
    )

    page = signed_in.get("/dashboard").content.decode()

    assert f'<span class="state {state}">{words}' in page
    assert (">3</dd>" in page, ' class="bad-text">3</dd>' in page) == (True, state == "bad")
