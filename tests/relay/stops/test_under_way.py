"""One request and how it is ended from outside."""

import asyncio
import json

import pytest

from accounts.access.stops import MAX_SESSION, Stop
from proxy import record
from proxy.relay.capture.exchange import Exchange
from proxy.relay.stops import under_way as module
from proxy.relay.stops.under_way import UnderWay, session_of
from tests.relay.stops.requests import request_of

STOP = Stop(1, "a.example", "s", "", "ann", 4e9)
OLD = "user_0123_account__session_5c8e7d2a-1111-4222-8333-123456789abc"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)


def ignore(_: Exchange) -> None:
    """Nobody watches the end."""


async def begun(ending: asyncio.Event | None = None) -> tuple[UnderWay, "asyncio.Task[None]", Exchange]:
    """A request whose task waits."""
    exchange = Exchange(None, ignore)
    made: list[UnderWay] = []

    async def serve() -> None:
        made.append(UnderWay(exchange, request_of("s"), "a.example"))
        await (ending or asyncio.Event()).wait()

    task = asyncio.get_running_loop().create_task(serve())
    await asyncio.sleep(0)
    return made[0], task, exchange


@pytest.mark.parametrize(
    ("header", "user_id", "session"),
    [
        ("s", json.dumps({"session_id": "of the body"}), "s"),
        ("", json.dumps({"session_id": "of the body"}), "of the body"),
        ("", OLD, "5c8e7d2a-1111-4222-8333-123456789abc"),
        ("", "somebody", ""),
        ("s" * 200, "", "s" * MAX_SESSION),
    ],
)
def test_a_session_is_the_headers_else_the_metadatas(header: str, user_id: str, session: str) -> None:
    body = json.dumps({"metadata": {"user_id": user_id}}).encode()

    assert session_of(request_of(header, body)) == session


def test_a_body_that_names_no_user_names_no_session() -> None:
    assert session_of(request_of("", b"")) == ""
    assert session_of(request_of("", b'{"user_id": "\xff"}')) == ""


async def test_a_stop_means_its_session_in_its_domain_or_its_request() -> None:
    found, task, exchange = await begun()
    of_request = Stop(2, "a.example", "", exchange.id, "ann", 4e9)
    task.cancel()

    assert found.is_meant(STOP)
    assert not found.is_meant(Stop(1, "a.example", "t", "", "ann", 4e9))
    assert not found.is_meant(Stop(1, "b.example", "s", "", "ann", 4e9))
    assert found.is_meant(of_request)
    assert not found.is_meant(Stop(2, "a.example", "s", "another", "ann", 4e9))


async def test_before_a_response_its_task_is_cancelled() -> None:
    found, task, _ = await begun()

    found.end(STOP)
    await asyncio.wait([task])

    assert task.cancelled()
    assert found.stop == STOP


async def test_a_response_is_interrupted_and_ends_by_itself() -> None:
    ending = asyncio.Event()
    found, task, exchange = await begun(ending)
    interrupted: list[None] = []
    found.responds(lambda: interrupted.append(None))

    found.end(STOP)
    found.end(Stop(2, "a.example", "s", "", "bo", 4e9))
    exchange.finish(record.ABORTED)
    await asyncio.sleep(0.1)
    ending.set()
    await task

    assert interrupted == [None]
    assert found.stop == STOP


async def test_one_that_does_not_end_in_time_is_broken_off() -> None:
    found, task, _ = await begun()
    found.responds(lambda: None)

    found.end(STOP)
    await asyncio.wait([task])

    assert task.cancelled()
