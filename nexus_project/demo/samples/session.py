"""A session in the manner of Claude Code: system blocks, reminders, tools, a sub-agent, side calls.

Shape of the attribution headers and of `metadata.user_id`: the gateway protocol page of Claude Code's
documentation (llm-gateway-protocol).
"""

import json
import random
import uuid
from dataclasses import dataclass, field

from anthropic.types import Message, ToolUseBlock

from nexus_project.demo.samples.questions import HAIKU, OPUS, SONNET
from nexus_project.demo.samples.sender import Json, Sender, content_of
from nexus_project.demo.samples.workshop import GUIDANCE, REMINDER, TOOLS, result_of

FIRST_STEPS = ("Read", "Grep", "Read", "Edit", "Bash", "Task", "Edit", "Bash")
NEXT_STEPS = ("Grep", "Edit", "Bash")
HELPER_STEPS = ("Grep", "Task", "Read")
HELPERS_HELPER_STEPS = ("Grep",)
FIRST_WISH = "The invoice total is off by a cent for some customers. Find out why and fix it, with a test."
NEXT_WISH = "Good. Now rename the helper to round_half_up everywhere and run the tests again."
BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14"


def agent_session(sender: Sender, source: random.Random, *, emulate: str = "event-delay-ms=3") -> None:
    """Play a whole session: side calls, eight tool turns with a sub-agent in them, then a second wish."""
    session = Session(sender, source, emulate=emulate)
    session.side_call("quota", max_tokens=1)
    session.side_call(f"Give this conversation a title of three words: {FIRST_WISH}", max_tokens=64)
    main = Agent(session, OPUS)
    main.wish(FIRST_WISH)
    main.work(FIRST_STEPS)
    main.wish(NEXT_WISH)
    main.work(NEXT_STEPS)


@dataclass
class Session:
    """What all requests of one session share."""

    sender: Sender
    source: random.Random
    emulate: str
    domain: str = "api.acme.test"
    identifier: str = ""
    user_id: str = ""

    def __post_init__(self) -> None:
        self.identifier = str(uuid.UUID(int=self.source.getrandbits(128), version=4))
        person = {
            "device_id": f"{self.source.getrandbits(256):064x}",
            "account_uuid": "",
            "session_id": self.identifier,
        }
        self.user_id = json.dumps(person, separators=(",", ":"))

    def send(self, body: Json, headers: dict[str, str], emulate: str) -> Message:
        body = {**body, "metadata": {"user_id": self.user_id}}
        known = {
            "x-app": "cli",
            "user-agent": "claude-cli/2.1.197 (external, cli)",
            "anthropic-beta": BETAS,
            "x-claude-code-session-id": self.identifier,
        }
        words = ", ".join(filter(None, (self.emulate, emulate)))
        return self.sender.ask(
            self.domain, body, emulate=words, headers={**known, **headers}, query={"beta": "true"}
        )

    def side_call(self, text: str, *, max_tokens: int) -> None:
        """Ask the small model something beside the conversation."""
        body = {"model": HAIKU, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}]}
        self.send(body, {}, "")


@dataclass
class Agent:
    """One conversation of the session: the main one, or a sub-agent's with ids of its own."""

    session: Session
    model: str
    headers: dict[str, str] = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)

    def wish(self, text: str) -> None:
        """Add what the user, or the parent agent, wants."""
        reminder = {"type": "text", "text": REMINDER}
        self.messages.append({"role": "user", "content": [reminder, {"type": "text", "text": text}]})

    def work(self, steps: tuple[str, ...]) -> str:
        """Take the steps tool by tool, then return the closing words."""
        for step in steps:
            answer = self._turn(f"tool={step}")
            results = [self._result(block) for block in answer.content if block.type == "tool_use"]
            self.messages.append({"role": "user", "content": results})
        closing = self._turn("")
        return "".join(block.text for block in closing.content if block.type == "text")

    def _turn(self, emulate: str) -> Message:
        body: Json = {
            "model": self.model,
            "max_tokens": 32_000,
            "system": GUIDANCE,
            "tools": TOOLS,
            "messages": _with_cache_mark(self.messages),
        }
        if self.model == OPUS:
            body["thinking"] = {"type": "adaptive"}
        answer = self.session.send(body, self.headers, emulate)
        self.messages.append({"role": "assistant", "content": content_of(answer)})
        return answer

    def _result(self, call: ToolUseBlock) -> Json:
        delegated = call.name == "Task"
        text = (
            self._delegate(str(call.input["prompt"]))
            if delegated
            else result_of(call.name, self.session.source)
        )
        return {"type": "tool_result", "tool_use_id": call.id, "content": text}

    def _delegate(self, prompt: str) -> str:
        """Let a sub-agent do it; its last words are the tool's result."""
        identifier = f"{self.session.source.getrandbits(28):07x}"
        headers = {"x-claude-code-agent-id": identifier}
        # The main conversation has no agent id, so only an agent of an agent names its parent.
        parent = self.headers.get("x-claude-code-agent-id")
        if parent:
            headers["x-claude-code-parent-agent-id"] = parent
        helper = Agent(self.session, SONNET, headers)
        helper.wish(prompt)
        return helper.work(HELPERS_HELPER_STEPS if parent else HELPER_STEPS)


def _with_cache_mark(messages: list[Json]) -> list[Json]:
    """Mark the newest block, and only it: the mark moves on with each turn."""
    *before, last = messages
    *blocks, newest = last["content"]
    marked = {**newest, "cache_control": {"type": "ephemeral"}}
    return [*before, {**last, "content": [*blocks, marked]}]
