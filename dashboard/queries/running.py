"""The streams that run now, as the proxies tell them: nobody stores that, so it takes a second of listening."""

import asyncio
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import redis
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer

from accounts import redis_client
from dashboard.connections import give_back
from dashboard.filters.filter import Filter
from dashboard.queries.filtering import is_domain
from proxy.live_events import ASKED_KEY, GROUP, Event

SERVED = ("domain", "model", "session", "agent")
# A proxy looks twice a second whether somebody asks, and tells 500 streams every 100 ms.
LISTENED_SECONDS = 1.2
_ASKED_SECONDS = 60
_REDIS_SECONDS = 1


def running(chosen: Filter) -> list[Event] | None:
    """The streams of a filter, the oldest first; None where Redis does not answer."""
    is_whole = is_domain(chosen.domain)
    give_back()
    try:
        events = async_to_sync(_listen)()
    except (redis.RedisError, OSError):
        return None
    found = [event for event in events if _is_asked_for(event, chosen, is_whole)]
    return sorted(found, key=lambda event: (event["started_at"], event["id"]))


def _is_asked_for(event: Event, chosen: Filter, is_whole: bool) -> bool:
    """Of a domain as lists have it: the whole name where there is such a domain, else a part of it."""
    is_of_domain = chosen.domain == event["domain"] if is_whole else chosen.domain in event["domain"]
    return (
        is_of_domain
        and chosen.model in ("", event["model"])
        and chosen.session in ("", event.get("session_id", ""))
        and chosen.agent in ("", event.get("agent_id", ""))
    )


async def _listen() -> Iterable[Event]:
    """What runs at the end of LISTENED_SECONDS. Raises redis.RedisError."""
    layer: Any = get_channel_layer()
    if layer is None:
        raise redis.ConnectionError("REDIS_URL is not set")
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    found: dict[str, Event] = {}
    ended: set[str] = set()
    try:
        await sync_to_async(ask)()
        async with asyncio.timeout(LISTENED_SECONDS):
            while True:
                for event in (await layer.receive(channel))["events"]:
                    if event["kind"] == "running":
                        found[event["id"]] = event
                    else:
                        ended.add(event["id"])
    except TimeoutError:
        return [event for key, event in found.items() if key not in ended]
    finally:
        await layer.group_discard(GROUP, channel)


def ask() -> None:
    """Have proxies tell all that runs once more, within half a second. Raises redis.RedisError."""
    redis_client.client(_REDIS_SECONDS).set(ASKED_KEY, uuid4().hex, ex=_ASKED_SECONDS)
