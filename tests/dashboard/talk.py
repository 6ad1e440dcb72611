"""A session with agents, compaction, failure and fork as the database has it, and what is true of it."""

from collections.abc import Sequence

from proxy.store.models import Conversation
from tests import people
from tests.conversations.clients import Sent, Thread, World, call, result, text
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch

SAID = "Look at the parser"
PROMPT = "Find every writer"
FINAL = "There is none any more."


def session(name: str = "session-1", seed: int = 3) -> list[Sent]:
    """Main with an agent that calls another one, a failure with its repeat, a compaction, and an edit."""
    world = World(seed, name)
    main = Thread(world)
    main.ask([text(SAID)], [text("I look."), used := call(world)])
    main.ask([result(used, "12 lines")], [started := call(world, "Agent", prompt=PROMPT)])
    outer = Thread(world, agent="a-outer", caller="")
    outer.last = main.last
    nested = call(world, "Agent", prompt="Look closer")
    outer.ask(PROMPT, [nested])
    inner = Thread(world, agent="a-inner", caller="a-outer")
    inner.last = outer.last
    inner.ask("Look closer", [text("Nothing.")])
    outer.ask([result(nested, "Nothing.")], [text("None.")])
    main.ask([result(started, "None.")], [text("All done.")])
    other = main.fork()
    failed = main.ask("go on", None)
    main.again([text("yes")], retry_of=failed)
    main.compact()
    main.ask("more", [text(FINAL)])
    other.ask("go elsewhere", [text("there")])
    return world.sent


def stored(sent: Sequence[Sent], domain: str = "a.example") -> Conversation:
    """Taken in as a worker does."""
    records = [record_of(exchange, domain) for exchange in sent]
    people.take_in(make_batch(*records))
    return Conversation.objects.get(session_id=sent[0].session, domain=domain)
