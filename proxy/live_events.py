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
    `tools` counts tool_use blocks. `session_id` and `agent_id` are as the client's headers have them, "" or absent without.
    Proxies say `first_byte_ms`, None before it, `silent_ms` since the last byte or the start, `prompt_tokens` with what the
    cache had, `client_key` as the record refers to it, and a guess at the output until the API counts it, from what is there to
    read: `estimated_tokens`. `stopped_by` names who stopped it. The worker says `cost_usd`, an exact decimal, and `cost_state`.
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
    silent_ms: NotRequired[int]
    prompt_tokens: NotRequired[int]
    client_key: NotRequired[str]
    estimated_tokens: NotRequired[int]
    stopped_by: NotRequired[str]
    cost_usd: NotRequired[str | None]
    cost_state: NotRequired[str]
    outcome: NotRequired[str]
    status: NotRequired[int]


class Message(TypedDict):
    """What goes through the channel layer."""

    type: str
    events: list[Event]


def message(events: list[Event]) -> Message:
    """One message for a batch of events."""
    return {"type": MESSAGE_TYPE, "events": events}
