"""The websocket behind live pages: hints of what runs and what was stored, gathered into few frames."""

import asyncio
from contextlib import suppress
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseFailure
from django.http.request import validate_host
from redis import RedisError

from dashboard.access import sessions, trusted_header
from dashboard.filters.filter import Filter, FilterError, parse
from dashboard.queries.filtering import is_domain
from dashboard.queries.running import ask
from proxy.live_events import GROUP, Event, Message

FRAME_SECONDS = 0.2
HEARTBEAT_SECONDS = 30.0
SESSION_SECONDS = 60.0
NO_SESSION = 4401
FOREIGN_ORIGIN = 4403
NO_SUCH_SOCKET = 4404
BAD_FILTER = 4422
NARROWS = ("domain", "model")
_RANK = {"running": 0, "ended": 1, "stored": 2}


def is_own_origin(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the page that opens the socket came from this dashboard: from the host that is called, or from DASHBOARD_URL."""
    values = dict(headers)
    origin = values.get(b"origin", b"").decode("latin-1")
    host = values.get(b"host", b"").decode("latin-1").lower()
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"}:
        return False
    if settings.DASHBOARD_URL and origin.lower() == settings.DASHBOARD_URL.lower():
        return True
    return parts.netloc.lower() == host and validate_host(parts.hostname or "", settings.ALLOWED_HOSTS)


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc] # Channels has no types
    """`/ws/live` with the filter of its page: a `hello`, then `events` at most five times a second, a `ping` after 30 s of silence.

    Several events of one exchange in a frame are sent as one. A page that hears of something reads it again, by its whole
    filter: events know their domain and model only, which is what `hello` says under `narrowedBy`. `/ws/live/all` has proxies
    tell all that runs as soon as it is open.
    """

    def __init__(self, *args: Any, asks_for_all: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asks_for_all = asks_for_all
        self._pending: dict[str, Event] = {}
        self._news = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._filter = Filter()
        self._is_domain = False

    async def connect(self) -> None:
        if not is_own_origin(self.scope["headers"]):
            await self.close(FOREIGN_ORIGIN)
            return
        if not await self._is_open():
            await self.close(NO_SESSION)
            return
        try:
            self._filter = parse(parse_qs(self.scope["query_string"].decode("latin-1")))
        except FilterError:
            await self.close(BAD_FILTER)
            return
        self._is_domain = await database_sync_to_async(is_domain)(self._filter.domain)
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()
        narrowed = [name for name in self._filter.given() if name in NARROWS]
        await self.send_json({"type": "hello", "domain": self._filter.domain, "narrowedBy": narrowed})
        if self._asks_for_all:
            with suppress(RedisError):  # then they come with the next repetition
                await sync_to_async(ask)()
        loop = asyncio.get_running_loop()
        self._sender = loop.create_task(self._send_frames())
        self._watch = loop.create_task(self._close_with_session(self._sender))

    async def disconnect(self, code: int) -> None:
        if self._sender is None or self._watch is None:
            return
        self._sender.cancel()
        self._watch.cancel()
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def live_events(self, message: Message) -> None:
        """What the group heard; the name follows proxy.live_events.MESSAGE_TYPE."""
        for event in message["events"]:
            if self._is_of_domain(event["domain"]) and self._filter.model in ("", event["model"]):
                self._keep(event)

    def _is_of_domain(self, domain: str) -> bool:
        """As lists have it: the whole name where there is such a domain, else a part of it."""
        return self._filter.domain == domain if self._is_domain else self._filter.domain in domain

    def _keep(self, event: Event) -> None:
        # `stored` (from the worker) may overtake `ended` (from the proxy): what is further wins, and what it leaves out stays.
        known = self._pending.get(event["id"])
        further = known is None or _RANK[event["kind"]] >= _RANK[known["kind"]]
        first, last = (known, event) if further else (event, known)
        self._pending[event["id"]] = cast(Event, {**(first or {}), **(last or {})})
        self._news.set()

    async def _is_open(self) -> bool:
        by_session: bool = await database_sync_to_async(sessions.is_open)(self.scope["session"].session_key)
        return by_session or await database_sync_to_async(trusted_header.is_open)(self.scope)

    async def _close_with_session(self, sender: asyncio.Task[None]) -> None:
        """Ask again now and then: who signed out elsewhere or may not sign in any more hears nothing further."""
        is_open = True
        while is_open:
            await asyncio.sleep(SESSION_SECONDS)
            with suppress(DatabaseFailure):  # nobody knows, and its pages do not open either
                is_open = await self._is_open()
        sender.cancel()
        await self.close(NO_SESSION)

    async def _send_frames(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                await self.send_json({"type": "ping"})
                continue
            self._news.clear()
            events, self._pending = list(self._pending.values()), {}
            await self.send_json({"type": "events", "events": events})
            await asyncio.sleep(FRAME_SECONDS)


class NoSuchSocket(AsyncWebsocketConsumer):  # type: ignore[misc] # Channels has no types
    """Any other address: refused without a traceback in the log."""

    async def connect(self) -> None:
        await self.close(NO_SUCH_SOCKET)
