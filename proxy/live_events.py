"""Live events, as both sides publish them to the channel layer's group: hints to re-read, never the data itself."""

from typing import Literal, NotRequired, TypedDict

GROUP = "live"
LAYER_PREFIX = "nexus"
REDIS_CHANNEL = (
    f"{LAYER_PREFIX}__group__{GROUP}"  # as channels_redis names it, for whoever asks how many listen
)
# Another value each time that somebody asks for all that runs: proxies that see one say all of it once more.
ASKED_KEY = "nexus:live:asked"
MESSAGE_TYPE = "live.events"  # Channels calls the consumer's method live_events

# Whoever hears nothing of an exchange for twice as long may take it for gone: its proxy was killed.
REPEAT_SECONDS = 10.0

Kind = Literal["running", "ended", "stored"]


class Event(TypedDict):
    """`running` and `ended` come from the proxy, at most every 100 ms an exchange; `stored` from the worker after its commit.

    What runs is reported again every REPEAT_SECONDS at least. `started_at` is epoch seconds; tokens are what is known so far;
    `tools` counts tool_use blocks. `session_id` and `agent_id` are as the client's headers have them, "" or absent without;
    proxies say `first_byte_ms`, None before it.
    """

    kind: Kind
    id: str
    domain: str
    model: str
    started_at: float
    elapsed_ms: int
    input_tokens: int
    output_tokens: int
    tools: int
    bytes: int
    session_id: NotRequired[str]
    agent_id: NotRequired[str]
    first_byte_ms: NotRequired[float | None]
    outcome: NotRequired[str]
    status: NotRequired[int]


class Message(TypedDict):
    """What goes through the channel layer."""

    type: str
    events: list[Event]


def message(events: list[Event]) -> Message:
    """One message for a batch of events."""
    return {"type": MESSAGE_TYPE, "events": events}
