"""A stored conversation to read: a main line with two agents, one of them within the other, a side call and a failure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation
from tests.conversations.clients import Sent, Thread, World, call, result, text
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch

SECRET = "sk-ant-api03-SECRETSECRET"
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJDRA=="}}
PROMPT, INNER = "Read the tests", "Count the tests"


def talk(words: str = "Look at the parser") -> list[Sent]:
    """Turns 0 main, 1 side, 2 main, 3 agent, 4 its agent, 5 agent, 6 main failed, 7 main again."""
    world = World(3)
    main = Thread(world)
    used = call(world, "Bash", command=f"curl -H 'x-api-key: {SECRET}'", password="hunter2")
    main.ask([text(words), PNG], [text("I look."), used])
    side = Thread(world, tools=0)
    side.ask(
        "Name this session",
        [text("A title")],
        kind="side",
        headers={"x-claude-code-request-class": "auxiliary"},
    )
    start = call(world, "Agent", prompt=PROMPT)
    main.ask([result(used, "12 files\nBearer abcdefSECRET"), PNG], [start])
    outer = Thread(world, agent="outer", tools=3)
    inner_start = call(world, "Agent", prompt=INNER)
    outer.ask([text(PROMPT)], [inner_start])
    inner = Thread(world, agent="inner", caller="outer", tools=3)
    inner.ask([text(INNER)], [text("Seven tests.")])
    outer.ask([result(inner_start, "Seven tests.")], [text("All read.")])
    failed = main.ask([result(start, "All read.") | {"is_error": True}], None)
    main.again([text("Done.")], retry_of=failed)
    return world.sent


def store(sent: Sequence[Sent], **more: Any) -> Conversation:
    """Ingest it; the conversation that it is."""
    ingest.ingest(make_batch(*(record_of(replace(exchange, **more)) for exchange in sent)))
    return Conversation.objects.get()
