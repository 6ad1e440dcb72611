"""Sessions made of whatever clients do: each turn stands where it was, in whatever order the turns came."""

from hypothesis import given
from hypothesis import strategies as st

from tests.conversations.clients import Json, Thread, World, call, result, text
from tests.conversations.trees import built, parents, places, truth


class _Random:
    """A session made of whatever clients do."""

    def __init__(self, seed: int, *, names: bool) -> None:
        self.world = World(seed, names=names)
        self.main = Thread(self.world)
        self.threads = [self.main]

    def step(self) -> None:
        thread = self.world.random.choice(self.threads)
        self.world.random.choice(
            (self._tool, self._tool, self._talk, self._retry, self._side, self._agent, self._compact)
        )(thread)

    def _next(self, thread: Thread) -> list[Json]:
        last = thread.messages[-1]["content"] if thread.messages else []
        used = [block for block in last if block["type"] == "tool_use"] if isinstance(last, list) else []
        return [result(block) for block in used] or [text(self.world.words())]

    def _tool(self, thread: Thread) -> None:
        thread.ask(self._next(thread), [call(self.world)])

    def _talk(self, thread: Thread) -> None:
        thread.ask(self._next(thread), [text(self.world.random.choice(("Done.", self.world.words())))])

    def _retry(self, thread: Thread) -> None:
        first = thread.ask(self._next(thread), None)
        thread.again([call(self.world)], retry_of=first)

    def _side(self, thread: Thread) -> None:
        if not thread.agent:
            side = Thread(self.world, tools=0)
            side.ask(f"Write a title {self.world.words()}", [text("A title")], kind="side")

    def _agent(self, thread: Thread) -> None:
        if len(self.threads) > 5:
            return
        prompt = self.world.words(12)
        started = call(self.world, "Agent", prompt=prompt)
        asked = thread.ask(self._next(thread), [started])
        agent = Thread(self.world, agent=self.world.id("agent"), caller=thread.agent, tools=3)
        agent.last = asked
        agent.ask([text(prompt)], [call(self.world)])
        self.threads.append(agent)

    def _compact(self, thread: Thread) -> None:
        if not thread.agent and len(thread.messages) > 4:
            thread.compact()
            thread.ask([text(self.world.words())], [call(self.world)])


@given(st.integers(0, 10_000), st.booleans(), st.integers(5, 40))
def test_random_sessions_stand_as_they_were(seed: int, names: bool, steps: int) -> None:
    session = _Random(seed, names=names)
    session.main.ask([text(session.world.words())], [call(session.world)])
    for _ in range(steps):
        session.step()
    sent = session.world.sent

    found = places(sent)

    assert parents(sent) == truth(sent)
    assert {place: turn.kind for place, turn in found.items()} == {
        exchange.place: exchange.kind for exchange in sent
    }
    assert built(sent, shuffle=seed) == built(sent)
