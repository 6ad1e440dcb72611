"""The conversations of a session: the main one, and those of sub-agents, which report when they are done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from nexus_project.demo.samples import claude_code
from nexus_project.demo.samples.questions import SONNET
from nexus_project.demo.samples.sender import AnyMessage, Json, content_of
from nexus_project.demo.samples.workshop import REMINDER, TOOLS, result_of

HELPER_STEPS = ("Bash", "Agent")
HELPERS_HELPER_STEPS = ("Bash",)
WINDOW = 1_000_000


class Session(Protocol):
    """What a conversation needs of its session."""

    source: Random
    build: str

    def send(self, body: Json, headers: Mapping[str, str], emulate: str) -> AnyMessage: ...


@dataclass
class Agent:
    """One conversation of the session: the main one, or a sub-agent's, with an id and a job of its own."""

    session: Session
    model: str
    identifier: str = ""
    parent: str = ""
    job: str = ""
    messages: list[Json] = field(default_factory=list)
    _running: list["Agent"] = field(default_factory=list)

    def wish(self, text: str) -> None:
        """Add what the user, or the parent agent, wants."""
        self._say([{"type": "text", "text": REMINDER}, {"type": "text", "text": text}])
        self.messages.append(claude_code.tokens_left(WINDOW - 900 * len(self.messages)))

    def work(self, steps: tuple[str, ...]) -> str:
        """Take the steps tool by tool, wait for sub-agents, and return the closing words."""
        for step in steps:
            response = self._turn(f"tool={step}")
            reports = self._reports()
            self._say([*self._results(response), *reports])
        closing = self._turn("")
        while self._running:
            self._say(self._reports())
            closing = self._turn("")
        return "".join(block.text for block in closing.content if block.type == "text")

    def _say(self, content: list[Json]) -> None:
        self.messages.append({"role": "user", "content": content})

    def _turn(self, emulate: str) -> AnyMessage:
        body: Json = {
            **claude_code.MANNER,
            "model": self.model,
            "system": claude_code.system_blocks(self.session.build, helper=bool(self.identifier)),
            "tools": TOOLS,
            "messages": _with_cache_mark(self.messages),
        }
        response = self.session.send(body, self._headers(), emulate)
        self.messages.append({"role": "assistant", "content": content_of(response)})
        return response

    def _headers(self) -> dict[str, str]:
        ids = {"x-claude-code-agent-id": self.identifier, "x-claude-code-parent-agent-id": self.parent}
        return {name: value for name, value in ids.items() if value}

    def _results(self, response: AnyMessage) -> list[Json]:
        return [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": self._launch(block.input)
                if block.name == "Agent"
                else result_of(block.name, self.session.source),
            }
            for block in response.content
            if block.type == "tool_use"
        ]

    def _launch(self, job: Json) -> str:
        """Start a sub-agent; it works while this conversation takes its next turn."""
        identifier = f"a{self.session.source.getrandbits(68):017x}"
        # The main conversation has no id, so only an agent of an agent names its parent.
        helper = Agent(self.session, SONNET, identifier, self.identifier, str(job["description"]))
        helper.wish(str(job["prompt"]))
        self._running.append(helper)
        return claude_code.launched(identifier)

    def _reports(self) -> list[Json]:
        """Return what the sub-agents report that were launched in earlier turns."""
        done, self._running = self._running, []
        steps = HELPERS_HELPER_STEPS if self.identifier else HELPER_STEPS
        return [
            {
                "type": "text",
                "text": claude_code.notification(helper.identifier, helper.job, helper.work(steps)),
            }
            for helper in done
        ]


def _with_cache_mark(messages: list[Json]) -> list[Json]:
    """Mark the newest block that is not the harness's, and only it: the mark moves on with each turn."""
    position = max(index for index, message in enumerate(messages) if message["role"] == "user")
    *blocks, newest = messages[position]["content"]
    marked = {**messages[position], "content": [*blocks, {**newest, **claude_code.MARK}]}
    return [*messages[:position], marked, *messages[position + 1 :]]
