"""A session whose requests are as large as those of agents, with tools of MCP servers, an agent and a compaction."""

import json
from datetime import timedelta

from tests.conversations.clients import Json, Sent, Thread, World, call, result, text
from tests.conversations.findings.samples import tool

SERVERS = ("github", "wiki")
BYTES_PER_TOKEN = 3.8
SYSTEM = "You are a careful engineer. " * 300
TOOLS = [tool(name) for name in ("Bash", "Read", "Edit", "Agent")] + [
    tool(f"mcp__{server}__{number}") for server in SERVERS for number in range(8)
]


def large_session(turns: int = 6, name: str = "large", seed: int = 8) -> list[Sent]:
    """So many turns of the main line, in whose middle it is compacted; the second one calls an agent of three turns."""
    world = World(seed, name)
    main = Thread(world)
    content: list[Json] = [text("Move the billing service to the new ledger")]
    for number in range(turns):
        if number and number == turns // 2:
            main.ask(content, [text("Half of it is done.")])
            main.compact()
            content = [text("Go on")]
        started = call(world, "Agent", prompt="Find every writer") if number == 1 else None
        used = started or call(world, "Read", file_path=f"/ledger/{number}.py")
        main.ask(content, [text(f"Step {number}: I look."), used])
        content = [_agent(world, main, used) if started else _result(world, used)]
    _weigh(world.sent)
    return world.sent


def _agent(world: World, main: Thread, started: Json) -> Json:
    agent = Thread(world, agent="a-writers", caller="")
    agent.last = main.last
    content: str | list[Json] = "Find every writer"
    for number in range(2):
        used = call(world, "Read", file_path=f"/writers/{number}.py")
        agent.ask(content, [used])
        content = [_result(world, used)]
    agent.ask(content, [text("There are two.")])
    return result(started, "There are two.")


def _result(world: World, used: Json) -> Json:
    return result(used, world.words(world.random.randrange(200, 900)))


def _weigh(sent: list[Sent]) -> None:
    """Each with system and tools, and with the tokens of such a request: what the one before had is read from the cache."""
    cached: dict[str, int] = {}
    for each in sent:
        each.started_at += timedelta(hours=2)  # its ids are those of no other session
        each.body |= {"system": SYSTEM, "tools": TOOLS}
        if each.response:
            tokens = round(len(json.dumps(each.body)) / BYTES_PER_TOKEN)
            read = min(tokens - 10, cached.get(each.agent, 0))
            each.response["usage"] = {
                "input_tokens": 10,
                "output_tokens": 120,
                "cache_read_input_tokens": read,
                "cache_creation_input_tokens": tokens - 10 - read,
            }
            cached[each.agent] = tokens
