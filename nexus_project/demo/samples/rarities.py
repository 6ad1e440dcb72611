"""Answers that come seldom, each billed or read in a way of its own."""

import random

from nexus_project.demo.samples.questions import FABLE, HAIKU, OPUS, QUESTIONS, SONNET, request
from nexus_project.demo.samples.scenes import Play, UnexpectedResponseError
from nexus_project.demo.samples.sender import DOMAINS, Json, Sender

FALLBACK_BETA = "server-side-fallback-2026-07-01"
COMPACTION_BETA = "compact-2026-01-12"
COMPACTION: Json = {"edits": [{"type": "compact_20260112"}]}


def fast(sender: Sender, source: random.Random) -> None:
    sender.ask(source.choice(DOMAINS), request(source.choice(QUESTIONS), OPUS, speed="fast"))


def in_the_us(sender: Sender, source: random.Random) -> None:
    body = request(source.choice(QUESTIONS), SONNET, inference_geo="us")
    sender.ask("personal-notes.example", body, stream=source.random() < 0.5)


def priority(sender: Sender, source: random.Random) -> None:
    sender.ask("api.acme.test", request(source.choice(QUESTIONS), OPUS), emulate="priority")


def long_prompt(sender: Sender, source: random.Random) -> None:
    """Send a prompt on which the small model's upper prices apply; only its count is that long."""
    emulate = f"prompt-tokens={source.randint(100_001, 180_000)}"
    sender.ask(
        "research.example", request("Which of these logs tells of the outage?", HAIKU), emulate=emulate
    )


def declined(category: str, *, size: int = 0) -> Play:
    """Return a scene in which the model declines, after so many characters."""

    def play(sender: Sender, source: random.Random) -> None:
        emulate = f"refusal={category}" + (f", size={size}" if size else "")
        response = sender.ask("research.example", request(source.choice(QUESTIONS), FABLE), emulate=emulate)
        if response.stop_reason != "refusal":
            raise UnexpectedResponseError("the model did not decline")

    return play


def taken_over(sender: Sender, source: random.Random) -> None:
    """Let another model answer what the first one declines."""
    body = request(source.choice(QUESTIONS), FABLE, fallbacks="default")
    response = sender.ask(
        "research.example", body, stream=source.random() < 0.5, emulate="refusal=bio", betas=[FALLBACK_BETA]
    )
    if response.model != OPUS:
        raise UnexpectedResponseError("no other model took over")


def compacted(sender: Sender, source: random.Random) -> None:
    """Have a conversation summarized that has grown too long."""
    body = request(source.choice(QUESTIONS), OPUS, context_management=COMPACTION)
    emulate = f"prompt-tokens={source.randint(150_000, 190_000)}"
    response = sender.ask("web.acme.test", body, emulate=emulate, betas=[COMPACTION_BETA])
    if response.content[0].type != "compaction":
        raise UnexpectedResponseError("nothing was summarized")


def first_version(sender: Sender, source: random.Random) -> None:
    """Ask as a client that still speaks the API's first version, with what the next one refuses."""
    body = request(source.choice(QUESTIONS), SONNET, extra_body={"temperature": 0.2})
    sender.ask("web.acme.test", body, stream=False, headers=sender.older_client())
