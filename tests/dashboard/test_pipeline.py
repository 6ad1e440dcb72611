"""accepted = stored + waiting + dropped + gaps, whatever is known."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
import redis
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from dashboard.queries.pipeline import Heartbeat, _state, pipeline
from proxy.record import SPOOLS_KEY
from proxy.store.models import Spool
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
    row=st.none() | st.builds(Spool, accepted=counts, dropped=counts, stored=counts),
    heart=st.none() | st.builds(Heartbeat, accepted=counts, dropped=counts, waiting=counts),
)
def test_the_sum_always_holds(row: Spool | None, heart: Heartbeat | None) -> None:
    state = _state("spool", row, heart)

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
        "spools": [
            {"id": str(SPOOL), "accepted": 2, "stored": 1, "waiting": 1, "dropped": 0, "gaps": 0, "at": 3.0}
        ],
    }
