"""Made-up clients: what they send and are answered, and which turn each one goes on from."""

import json
import random
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from proxy.conversations.content import Hasher, summary_of
from proxy.conversations.keys import conversation_id, keys_of, previous_message
from proxy.conversations.offers import AGENT_TOOLS
from proxy.conversations.parents import Offered, TurnKeys

Json = dict[str, Any]
BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)
HASHER = Hasher()
CONTINUED = (
    "This session is being continued from a previous conversation that ran out of context. The summary below covers"
    " the earlier portion of the conversation.\n\nSummary:\n{}\n\nContinue the conversation from where it left off."
)


@dataclass
class Sent:
    """An exchange, and the truth about it: by places in the order of sending."""

    place: int
    body: Json
    response: Json | None
    session: str
    agent: str = ""
    caller: str = ""
    parent: int | None = None
    kind: str = "main"
    retry_of: int | None = None
    started_at: datetime = BEGIN
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """A UUIDv7 of its moment."""
        moment = int(self.started_at.timestamp() * 1000)
        return UUID(int=moment << 80 | 7 << 76 | 2 << 62 | self.place)


class World:
    """Sends for many threads, a second apart; the same seed gives the same bytes."""

    def __init__(self, seed: int = 1, session: str = "session-1", *, names: bool = True) -> None:
        self.random = random.Random(seed)
        self.session = session
        self.names = names
        self.sent: list[Sent] = []

    def send(self, body: Json, response: Json | None, **truth: Any) -> int:
        """The place of a new exchange."""
        place = len(self.sent)
        moment = BEGIN + timedelta(seconds=place)
        self.sent.append(
            Sent(place, deepcopy(body), deepcopy(response), self.session, started_at=moment, **truth)
        )
        return place

    def id(self, prefix: str) -> str:
        """A fresh id, as the API gives them."""
        return f"{prefix}_01{self.random.randbytes(10).hex()}"

    def words(self, count: int = 8) -> str:
        """Prose without a meaning."""
        syllables = ("ba", "con", "de", "for", "in", "ka", "li", "men", "no", "per")
        return " ".join("".join(self.random.choices(syllables, k=3)) for _ in range(count))


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def call(world: World, name: str = "Bash", **given: Any) -> Json:
    return {
        "type": "tool_use",
        "id": world.id("toolu"),
        "name": name,
        "input": given or {"command": world.words(4)},
    }


def result(of: Json, words: str = "done") -> Json:
    return {"type": "tool_result", "tool_use_id": of["id"], "content": words}


class Thread:
    """One agent's messages. `last` is the place of the turn whose answer came last."""

    def __init__(self, world: World, *, agent: str = "", caller: str = "", tools: int = 5) -> None:
        self.world = world
        self.agent, self.caller, self.tools = agent, caller, tools
        self.messages: list[Json] = []
        self.last: int | None = None

    def ask(self, content: str | list[Json], response: list[Json] | None, **truth: Any) -> int:
        """Send what a user says; without an answer the attempt fails, and the messages stay as they are but for it."""
        self.messages.append({"role": "user", "content": content})
        return self.again(response, **truth)

    def again(self, response: list[Json] | None, **truth: Any) -> int:
        """Send the messages once more."""
        message = None if response is None else self._message(response)
        facts = {
            "agent": self._name(self.agent),
            "caller": self._name(self.caller),
            "parent": self.last,
            "kind": self._kind(),
        }
        place = self.world.send(self.request(), message, **{**facts, **truth})
        if response is not None:
            self.messages.append({"role": "assistant", "content": response})
            self.last = place
        return place

    def request(self) -> Json:
        """As clients decorate it: a mark on the last block, and reminders that the next request leaves out."""
        messages = deepcopy(self.messages)
        for message in messages:
            if isinstance(message["content"], list) and message is messages[-1]:
                message["content"] = [
                    *message["content"][:-1],
                    message["content"][-1] | {"cache_control": {"type": "ephemeral"}},
                ]
        if messages and messages[-1]["role"] == "user" and isinstance(messages[-1]["content"], list):
            reminder = text(f"<system-reminder>{self.world.words(3)}</system-reminder>")
            messages[-1]["content"] = [*messages[-1]["content"], reminder]
        tools = [
            {"name": f"Tool{number}", "input_schema": {"type": "object"}} for number in range(self.tools)
        ]
        return {
            "model": "claude-sonnet-5",
            "max_tokens": 4000,
            "messages": messages,
            **({"tools": tools} if tools else {}),
        }

    def fork(self) -> "Thread":
        """The same messages, to go on from elsewhere."""
        other = Thread(self.world, agent=self.agent, caller=self.caller, tools=self.tools)
        other.messages, other.last = deepcopy(self.messages), self.last
        return other

    def compact(self) -> int:
        """Ask for a summary and go on from it alone."""
        summary = "1. Request: " + self.world.words(40)
        order = {
            "role": "user",
            "content": "CRITICAL: respond with text only: an <analysis> and a <summary> block.",
        }
        body = self.request() | {"messages": [*self.messages, order]}
        response = self._message(
            [text(f"<analysis>{self.world.words(5)}</analysis>\n<summary>{summary}</summary>")]
        )
        truth = {"agent": self._name(self.agent), "caller": self._name(self.caller), "parent": self.last}
        place = self.world.send(body, response, kind="compaction", **truth)
        self.messages = [{"role": "user", "content": CONTINUED.format(summary)}]
        self.last = place
        return place

    def _message(self, content: list[Json]) -> Json:
        return {"type": "message", "id": self.world.id("msg"), "role": "assistant", "content": content}

    def _kind(self) -> str:
        return "agent" if self.agent else "main"

    def _name(self, agent: str) -> str:
        return agent if self.world.names else ""


def turn_of(sent: Sent, hasher: Hasher = HASHER) -> tuple[TurnKeys, list[Offered]]:
    """The keys of what was sent, and its offers."""
    response = summary_of("assistant", sent.response["content"], hasher) if sent.response else None
    calls = [
        (block["input"]["prompt"], block["id"])
        for block in (sent.response or {"content": []})["content"]
        if block["type"] == "tool_use" and block["name"] in AGENT_TOOLS
    ]
    keys = keys_of(
        [summary_of(message["role"], message["content"], hasher) for message in sent.body["messages"]],
        response,
        hasher,
        calls=calls,
        message_id=sent.response["id"] if sent.response else "",
        previous_id=previous_message(sent.body.get("thread")),
    )
    assert keys
    names = ("depth", "own", "first", "prev", "takes", "gives", "claim", "answer_id", "previous_id")
    turn = TurnKeys(
        id=sent.id,
        conversation=conversation_id("a.example", sent.session, keys.begins),
        started_at=sent.started_at,
        tools=len(sent.body.get("tools", ())),
        agent_id=sent.agent,
        parent_agent_id=sent.caller,
        answered=sent.response is not None,
        **{name: getattr(keys, name) for name in names},
    )
    offers = [
        Offered(turn.id, place, offer.kind, offer.key, offer.tool_id, sent.started_at)
        for place, offer in enumerate(keys.offers)
    ]
    return turn, offers


def body_of(sent: Sent) -> bytes:
    """The bytes of its request."""
    return json.dumps(sent.body).encode()
