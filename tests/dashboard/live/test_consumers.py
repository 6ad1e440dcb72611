"""The live socket: who may open it, what it sends, how often."""

import asyncio
import threading
import time
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from redis import RedisError

from dashboard.access import sessions
from dashboard.live import consumers
from dashboard.reading import EVERYTHING, Reader
from nexus_project.asgi.dashboard import application
from proxy import live_events
from proxy.live_events import GROUP, Event, Kind
from tests.people import make_exchange, reader

pytestmark = pytest.mark.django_db(transaction=True)
HOST = b"nexus.test:3001"


@pytest.fixture(autouse=True)
def own_host(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["nexus.test", "testserver"]
    settings.DASHBOARD_URL = "https://public.example"


def cookie_of(client: Client) -> bytes:
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode()


def socket(cookie: bytes = b"", origin: bytes = b"http://nexus.test:3001", path: str = "/ws/live") -> Any:
    headers = [(b"host", HOST), (b"origin", origin), (b"cookie", cookie)]
    return WebsocketCommunicator(application, path, headers)


def event(kind: Kind = "running", identity: str = "1", **fields: Any) -> Event:
    base: Event = {
        "kind": kind,
        "id": identity,
        "domain": "a.example",
        "model": "m",
        "started_at": 0.0,
        "elapsed_ms": 10,
        "input_tokens": 1,
        "output_tokens": 2,
        "tools": 0,
        "bytes": 3,
    }
    return base | fields  # type: ignore[return-value] # a few fields differ


async def publish(*events: Event) -> None:
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(GROUP, live_events.message(list(events)))


async def opened(cookie: bytes, path: str = "/ws/live") -> Any:
    connection = socket(cookie, path=path)
    accepted, _ = await connection.connect()
    assert accepted
    assert (await connection.receive_json_from())["type"] == "hello"
    return connection


async def test_strangers_are_refused() -> None:
    connection = socket()

    assert await connection.connect() == (False, 4401)
    await connection.send_input({"type": "websocket.disconnect", "code": 1006})
    await connection.wait()


async def test_a_forged_session_is_refused() -> None:
    forged = f"{settings.SESSION_COOKIE_NAME}=eyJkYXNoYm9hcmQiOiJ4In0:1abcde:forged".encode()

    assert await socket(forged).connect() == (False, 4401)


async def test_users_with_the_permission_may_listen_and_staff_alone_may_not(client: Client) -> None:
    carl = await sync_to_async(reader)("carl", is_staff=True)
    await sync_to_async(client.force_login)(carl)
    assert await socket(cookie_of(client)).connect() == (False, 4401)
    olga = await sync_to_async(reader)("olga", "view_figures")
    await sync_to_async(client.force_login)(olga)

    connection = await opened(cookie_of(client))
    await connection.disconnect()


@pytest.mark.parametrize(
    ("name", "peer", "times", "opens"),
    [
        ("olga", "10.1.2.3", 1, True),
        ("olga", "192.0.2.9", 1, False),
        ("carl", "10.1.2.3", 1, False),
        ("olga", "10.1.2.3", 2, False),
    ],
)
async def test_the_header_of_a_trusted_peer_opens_it(
    settings: Any, name: str, peer: str, times: int, opens: bool
) -> None:
    settings.TRUSTED_HEADER_SIGNIN = "X-Forwarded-User"
    settings.TRUSTED_HEADER_PEERS = [ip_network("10.1.2.3")]
    await sync_to_async(reader)("olga", "view_figures")
    await sync_to_async(reader)("carl")
    connection = socket()
    connection.scope["headers"] += [(b"x-forwarded-user", name.encode())] * times
    connection.scope["client"] = [peer, 5]

    accepted, _ = await connection.connect()

    assert accepted is opens
    await connection.send_input({"type": "websocket.disconnect", "code": 1006})
    await connection.wait()


def sign_out(client: Client, user: User) -> None:
    client.post("/dashboard/logout")


def deactivate(client: Client, user: User) -> None:
    User.objects.update(is_active=False)


def change_the_password(client: Client, user: User) -> None:
    user.set_password("another one")
    User.objects.bulk_update([user], ["password"])


@pytest.mark.parametrize("end", [sign_out, deactivate, change_the_password])
async def test_an_open_socket_is_closed_when_its_session_or_user_no_longer_holds(
    client: Client, monkeypatch: pytest.MonkeyPatch, end: Callable[[Client, User], None]
) -> None:
    monkeypatch.setattr(consumers, "SESSION_SECONDS", 0.2)
    olga = await sync_to_async(User.objects.create_superuser)("olga")
    await sync_to_async(client.force_login)(olga)
    connection = await opened(cookie_of(client))
    assert await connection.receive_nothing(timeout=0.5)

    await sync_to_async(end)(client, olga)

    assert await connection.receive_output(timeout=2) == {"type": "websocket.close", "code": 4401}
    await publish(event())
    assert await connection.receive_nothing(timeout=0.3)
    await connection.send_input({"type": "websocket.disconnect", "code": 4401})
    await connection.wait()


async def test_a_socket_stays_open_while_nobody_can_say_whether_its_session_holds(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    says, tried = iter([True, OperationalError("gone"), OperationalError("gone")]), threading.Event()

    def reader_of(key: str) -> Reader:
        response = next(says, None)
        if response is None:
            tried.set()
        if isinstance(response, OperationalError):
            raise response
        return EVERYTHING

    monkeypatch.setattr(consumers, "SESSION_SECONDS", 0.1)
    monkeypatch.setattr(sessions, "reader", reader_of)
    connection = await opened(cookie_of(signed_in))
    assert await asyncio.to_thread(tried.wait, 10)

    await publish(event())

    assert (await connection.receive_json_from())["type"] == "events"
    await connection.disconnect()


@pytest.mark.parametrize(
    "origin",
    [
        b"",
        b"null",
        b"http://evil.example",
        b"http://nexus.test:9999",
        b"http://nexus.test",
        b"https://public.example.evil.example",
        b"file://nexus.test:3001",
    ],
)
async def test_a_foreign_page_is_refused(signed_in: Client, origin: bytes) -> None:
    assert await socket(cookie_of(signed_in), origin).connect() == (False, 4403)


async def test_a_host_that_is_not_ours_is_refused(signed_in: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["other.test", "testserver"]

    assert await socket(cookie_of(signed_in)).connect() == (False, 4403)


async def test_the_public_address_may_differ_from_the_host(signed_in: Client) -> None:
    connection = socket(cookie_of(signed_in), b"https://public.example")

    assert (await connection.connect())[0]
    await connection.disconnect()


async def test_events_arrive_in_one_frame(signed_in: Client) -> None:
    connection = await opened(cookie_of(signed_in))

    await publish(event(identity="1"), event("stored", "2", outcome="complete", status=200))

    frame = await connection.receive_json_from()
    assert frame["type"] == "events"
    assert {(item["id"], item["kind"]) for item in frame["events"]} == {("1", "running"), ("2", "stored")}
    await connection.disconnect()


async def test_a_page_of_one_domain_hears_of_that_domain(signed_in: Client) -> None:
    connection = await opened(cookie_of(signed_in), "/ws/live?domain=B.example")

    await publish(event(identity="1"), event(identity="2", domain="b.example"))

    frame = await connection.receive_json_from()
    assert [item["id"] for item in frame["events"]] == ["2"]
    await connection.disconnect()


async def test_many_events_make_few_frames(signed_in: Client) -> None:
    connection = await opened(cookie_of(signed_in))

    started = time.monotonic()
    for number in range(60):
        await publish(event(output_tokens=number), event(identity="2", output_tokens=number))
        await asyncio.sleep(0.01)
    most = (time.monotonic() - started) / consumers.FRAME_SECONDS + 2
    frames = []
    while not await connection.receive_nothing(timeout=0.4):
        frames.append(await connection.receive_json_from())

    assert 2 <= len(frames) <= most
    assert {item["output_tokens"] for item in frames[-1]["events"]} == {59}
    assert all(len(frame["events"]) <= 2 for frame in frames)
    await connection.disconnect()


async def test_stored_is_not_hidden_by_an_end_that_comes_later(signed_in: Client) -> None:
    connection = await opened(cookie_of(signed_in))
    await publish(event())
    await connection.receive_json_from()

    await publish(event("stored"), event("ended"), event("running"))

    frame = await connection.receive_json_from()
    assert [item["kind"] for item in frame["events"]] == ["stored"]
    await connection.disconnect()


async def test_a_silent_socket_is_kept_alive(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.05)
    connection = await opened(cookie_of(signed_in))

    assert await connection.receive_json_from() == {"type": "ping"}
    await connection.disconnect()


async def test_an_unknown_address_is_no_socket(signed_in: Client) -> None:
    assert await socket(cookie_of(signed_in), path="/ws/other").connect() == (False, 4404)


@pytest.mark.parametrize(("known", "heard"), [(False, ["1", "2"]), (True, ["2"])])
async def test_a_part_of_a_name_counts_where_no_domain_has_that_name(
    signed_in: Client, known: bool, heard: list[str]
) -> None:
    if known:
        await sync_to_async(make_exchange)(domain="b.example")
    connection = await opened(cookie_of(signed_in), "/ws/live?domain=b.example")

    await publish(event(identity="1", domain="sub.b.example"), event(identity="2", domain="b.example"))

    assert [found["id"] for found in (await connection.receive_json_from())["events"]] == heard
    await connection.disconnect()


async def test_what_only_the_end_says_stays_when_the_stored_one_follows(signed_in: Client) -> None:
    connection = await opened(cookie_of(signed_in))

    await publish(
        event("ended", stopped_by="ann", output_tokens=3), event("stored", cost_usd="0.5", output_tokens=4)
    )
    frame = await connection.receive_json_from(timeout=10)

    [found] = frame["events"]
    assert (found["kind"], found["stopped_by"], found["cost_usd"], found["output_tokens"]) == (
        "stored",
        "ann",
        "0.5",
        4,
    )
    await connection.disconnect()


async def test_a_page_of_all_that_runs_has_proxies_tell_it(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask() -> None:
        asked.append("all")
        raise RedisError("and Redis is away")

    monkeypatch.setattr(consumers, "ask", ask)

    for path in ("/ws/live", "/ws/live/all"):
        connection = socket(cookie_of(signed_in), path=path)
        assert (await connection.connect(timeout=10))[0]
        assert (await connection.receive_json_from(timeout=10))["type"] == "hello"
        await connection.disconnect()

    assert asked == ["all"]
