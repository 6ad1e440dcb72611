"""Live, through every process: what a real proxy streams shows on a real daphne's websocket before the stream ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest

from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from tests.flow.conftest import Nexus
from tests.flow.services import Process

KEY = "the-key-of-this-dashboard"
STREAM = {"model": "claude-sonnet-5", "max_tokens": 500, "stream": True}
ASK = {**STREAM, "messages": [{"role": "user", "content": "Tell me more."}]}
PACED = {
    "x-emulate": "events=60,event-delay-ms=25",
    "anthropic-version": "2023-06-01",
    "host": "live.example",
}
Start = Callable[..., Process]


@pytest.fixture(scope="module")
def live_nexus(make_nexus: Callable[..., Nexus]) -> Nexus:
    """A system without storage: live traffic is shown all the same."""
    return make_nexus(STORAGE_ENABLED="false", DASHBOARD_API_KEY=KEY)


@pytest.fixture
def start_dashboard(live_nexus: Nexus) -> Iterator[Start]:
    """Start a daphne with settings of its own."""
    started: list[Process] = []

    def start(port: int = 0, **settings: str) -> Process:
        place = commands.Deployment(
            "127.0.0.1", ports.free(), port or ports.free(), live_nexus.data_dir / "var"
        )
        environment = {**live_nexus.proxy.environment, **settings}
        log = live_nexus.data_dir / "dashboard.log"
        started.append(Process(commands.dashboard(place), environment, log).start())
        return started[-1]

    yield start
    for process in started:
        process.stop()


@pytest.fixture(scope="module")
def url(live_nexus: Nexus) -> Iterator[str]:
    """Of a daphne that tests share."""
    place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), live_nexus.data_dir / "var")
    log = live_nexus.data_dir / "shared.log"
    dashboard = Process(commands.dashboard(place), live_nexus.proxy.environment, log).start()
    yield url_of(dashboard)
    dashboard.stop()


def url_of(dashboard: Process) -> str:
    return dashboard.service.ready_url.removesuffix("/health/ready")


def signed_in(url: str) -> dict[str, str]:
    """The cookies of a browser that signed in."""
    with httpx.Client(base_url=url) as browser:
        browser.get("/dashboard/login")
        form = {"key": KEY, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post("/dashboard/login", data=form).status_code == 302
        return dict(browser.cookies)


def cookie_header(cookies: dict[str, str]) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


async def overview(session: aiohttp.ClientSession, url: str, cookies: dict[str, str]) -> int:
    """The status with which the overview answers a browser that holds these cookies."""
    headers = cookie_header(cookies)
    async with session.get(f"{url}/dashboard", headers=headers, allow_redirects=False) as response:
        return response.status


class Listener:
    """A websocket whose frames are kept with the moment at which each came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self.ended = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._listen(socket))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame = message.json()
            self.frames.append((time.monotonic(), frame))
            # A frame holds only what is furthest of each exchange.
            if any(event["kind"] != "running" for event in frame.get("events", [])):
                self.ended.set()

    def events(self, exchange_id: str, kind: str) -> list[tuple[float, dict[str, Any]]]:
        found = []
        for moment, frame in self.frames:
            events = frame.get("events", [])
            found += [
                (moment, event) for event in events if (event["id"], event["kind"]) == (exchange_id, kind)
            ]
        return found

    def stop(self) -> None:
        self._task.cancel()


async def streamed(session: aiohttp.ClientSession, url: str) -> tuple[str, float]:
    """Stream one answer; its id and the moment of its end."""
    async with session.post(f"{url}/v1/messages", json=ASK, headers=PACED) as response:
        await response.read()
        return response.headers["x-nexus-id"], time.monotonic()


async def test_predecessor_defect_10_frames_with_growing_counts_come_before_the_stream_ends(
    live_nexus: Nexus, url: str
) -> None:
    async with (
        aiohttp.ClientSession(cookies=signed_in(url), cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
        session.ws_connect(f"{url}/ws/live", origin=url) as socket,
    ):
        listener = Listener(socket)
        exchange_id, ended_at = await streamed(session, live_nexus.url)
        async with asyncio.timeout(10):
            await listener.ended.wait()
        listener.stop()

    before = [event for moment, event in listener.events(exchange_id, "running") if moment < ended_at]
    sizes = [event["bytes"] for event in before]
    assert len(before) >= 3
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    assert {event["domain"] for event in before} == {"live.example"}
    assert live_nexus.rows("SELECT 1 FROM proxy_exchange") == []


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.mark.parametrize("case", ["no session", "forged session", "foreign origin", "no origin"])
async def test_predecessor_defect_12_the_socket_refuses_strangers(
    url: str, session: aiohttp.ClientSession, case: str
) -> None:
    cookies = {} if case == "no session" else signed_in(url)
    if case == "forged session":
        cookies["nexus_session"] = cookies["nexus_session"][:-2] + "xx"
    origin = {"foreign origin": "https://evil.example", "no origin": None}.get(case, url)

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(f"{url}/ws/live", origin=origin, headers=cookie_header(cookies))

    assert refused.value.status == 403


async def test_a_cookie_ends_when_the_key_changes(
    start_dashboard: Start, session: aiohttp.ClientSession
) -> None:
    first = start_dashboard()
    url, port = url_of(first), httpx.URL(url_of(first)).port
    cookies = signed_in(url)
    before = await overview(session, url, cookies)
    first.stop()
    start_dashboard(port, DASHBOARD_API_KEY="another-key")

    after = await overview(session, url, cookies)

    assert (before, after) == (200, 302)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(f"{url}/ws/live", origin=url, headers=cookie_header(cookies))


def test_a_public_address_is_allowed_trusted_and_makes_cookies_secure(start_dashboard: Start) -> None:
    url = url_of(start_dashboard(DASHBOARD_URL="https://nexus.example.com"))
    public = {"host": "nexus.example.com", "x-forwarded-proto": "https"}
    with httpx.Client(base_url=url, headers=public) as browser:
        page = browser.get("/dashboard/login")
        cookie = page.headers["set-cookie"]
        token = cookie.split("csrftoken=")[1].split(";")[0]
        form = {"key": KEY, "csrfmiddlewaretoken": token}

        def sign_in(origin: str) -> httpx.Response:
            headers = {
                "cookie": f"csrftoken={token}",
                "origin": origin,
                "referer": f"{origin}/dashboard/login",
            }
            return browser.post("/dashboard/login", data=form, headers=headers)

        own, foreign = sign_in("https://nexus.example.com"), sign_in("https://evil.example")
        other_host = browser.get("/dashboard/login", headers={"host": "evil.example"})

    assert "Secure" in cookie
    assert own.status_code == 302
    assert "Secure" in own.headers["set-cookie"]
    assert foreign.status_code == 403
    assert other_host.status_code == 400


def test_daphne_passes_on_who_connects_and_each_header(start_dashboard: Start) -> None:
    """A header signs in from the peer that is named, alone and once; a made user has no right, hence 403."""
    known = {"TRUSTED_HEADER_SIGNIN": "X-Forwarded-User", "SIGNIN_CREATE_USERS": "true"}
    trusting = f"{url_of(start_dashboard(TRUSTED_HEADER_PEERS='127.0.0.1', **known))}/dashboard"
    other = f"{url_of(start_dashboard(TRUSTED_HEADER_PEERS='10.9.9.9', **known))}/dashboard"
    header = ("X-Forwarded-User", "nora")

    assert httpx.get(trusting, headers=[header]).status_code == 403
    assert httpx.get(trusting, headers=[header, header]).status_code == 400
    assert httpx.get(trusting, headers=[("X_Forwarded_User", "nora")]).status_code in {302, 400}
    assert httpx.get(trusting).status_code == 302
    assert httpx.get(other, headers=[header, ("X-Forwarded-For", "10.9.9.9")]).status_code == 302
