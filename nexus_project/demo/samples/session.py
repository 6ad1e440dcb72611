"""A session in the manner of Claude Code: side calls, a conversation with many tools, and sub-agents beside it."""

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from nexus_project.demo.samples import claude_code
from nexus_project.demo.samples.agents import Agent
from nexus_project.demo.samples.questions import HAIKU, OPUS
from nexus_project.demo.samples.sender import AnyMessage, Json, Sender

FIRST_STEPS = ("Read", "Bash", "Agent", "Read", "Edit", "Write", "Bash", "Edit", "Bash")
NEXT_STEPS = ("Bash", "Edit", "Bash")
FIRST_WISH = "The invoice total is off by a cent for some customers. Find out why and fix it, with a test."
NEXT_WISH = "Good. Now rename the helper to round_half_up everywhere and run the tests again."


def agent_session(sender: Sender, source: random.Random, *, emulate: str = "event-delay-ms=3") -> None:
    """Play a whole session: side calls, tool turns with sub-agents beside them, then a second wish."""
    session = Session(sender, source, emulate=emulate)
    session.side_call("quota", max_tokens=1)
    session.side_call(f"Give this conversation a title of three words: {FIRST_WISH}", max_tokens=64)
    main = Agent(session, OPUS)
    main.messages += [claude_code.ENVIRONMENT, claude_code.DEFERRED_TOOLS]
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
    identifier: str = field(init=False)
    build: str = field(init=False)
    user_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.identifier = str(uuid.UUID(int=self.source.getrandbits(128), version=4))
        self.build = f"{self.source.getrandbits(12):03x}"
        person = {
            "device_id": f"{self.source.getrandbits(256):064x}",
            "account_uuid": "",
            "session_id": self.identifier,
        }
        self.user_id = json.dumps(person, separators=(",", ":"))

    def send(self, body: Json, headers: Mapping[str, str], emulate: str) -> AnyMessage:
        known = {
            **self.sender.older_client(),
            **claude_code.HEADERS,
            "x-claude-code-session-id": self.identifier,
        }
        return self.sender.ask(
            self.domain,
            {**body, "metadata": {"user_id": self.user_id}},
            emulate=", ".join(filter(None, (self.emulate, emulate))),
            headers={**known, **headers},
            query={"beta": "true"},
            betas=claude_code.BETAS,
        )

    def side_call(self, text: str, *, max_tokens: int) -> None:
        """Ask the small model something beside the conversation."""
        body = {"model": HAIKU, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}]}
        self.send(body, {}, "")
