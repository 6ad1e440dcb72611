"""Single pieces of traffic; each raises `anthropic.APIError` or `UnexpectedAnswerError` if it went wrong."""

import random
from collections.abc import Callable
from typing import Any

from anthropic import APIStatusError
from anthropic.types.messages import MessageBatch

from nexus_project.demo.samples.questions import (
    HAIKU,
    MODELS,
    OPUS,
    QUESTIONS,
    SONNET,
    STOCK,
    WEATHER,
    request,
)
from nexus_project.demo.samples.sender import DOMAINS, Sender, content_of

EVENTS_BEFORE_LEAVING = 5
MOST_TOOL_TURNS = 4
Play = Callable[[Sender, random.Random], None]


class UnexpectedResponseError(Exception):
    """The proxy answered something else than the scene is about."""


def question(sender: Sender, source: random.Random) -> None:
    sender.ask(source.choice(DOMAINS), request(source.choice(QUESTIONS), source.choice(MODELS)), stream=False)


def streamed_question(sender: Sender, source: random.Random) -> None:
    body = request(source.choice(QUESTIONS), source.choice(MODELS))
    sender.ask(source.choice(DOMAINS), body, emulate="event-delay-ms=10")


def slow_stream(sender: Sender, source: random.Random) -> None:
    """Stream for 10 to 20 seconds, so that a live view has something to show."""
    emulate = f"events=100, event-delay-ms={source.randint(100, 200)}"
    sender.ask(source.choice(DOMAINS), request(source.choice(QUESTIONS), OPUS), emulate=emulate)


def thinking(sender: Sender, source: random.Random) -> None:
    body = request(source.choice(QUESTIONS), OPUS, max_tokens=4096, thinking={"type": "adaptive"})
    sender.ask("research.example", body, emulate="event-delay-ms=5")


def web(sender: Sender, source: random.Random) -> None:
    """Search the web and read a page, both at the API."""
    tools = [
        {"type": f"{name}_20260318", "name": name, "max_uses": 2} for name in ("web_search", "web_fetch")
    ]
    sender.ask("research.example", request("What changed in the last Python release?", tools=tools))


def tool_loop(sender: Sender, source: random.Random) -> None:
    """Answer the model's tool calls, two of them at once, until it has said what it wanted."""
    text = "What is the weather in Lisbon, and how many umbrellas (article 17) are in stock?"
    body = request(text, tools=[WEATHER, STOCK])
    for _ in range(MOST_TOOL_TURNS):
        response = sender.ask("web.acme.test", body, stream=source.random() < 0.5)
        if response.stop_reason != "tool_use":
            return
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": f"{source.randint(5, 30)}"}
            for block in response.content
            if block.type == "tool_use"
        ]
        body["messages"] += [
            {"role": "assistant", "content": content_of(response)},
            {"role": "user", "content": results},
        ]
    raise UnexpectedResponseError("the model never stopped calling tools")


def count_tokens(sender: Sender, source: random.Random) -> None:
    body = request(source.choice(QUESTIONS))
    del body["max_tokens"]
    sender.client("api.acme.test").messages.count_tokens(**body)


def quota_probe(sender: Sender, source: random.Random) -> None:
    sender.ask("api.acme.test", {**request("quota", HAIKU, max_tokens=1), "system": []}, stream=False)


def models(sender: Sender, source: random.Random) -> None:
    sender.client("api.acme.test").models.list(limit=1000)


def leaving(sender: Sender, source: random.Random) -> None:
    """Hang up in the middle of a stream."""
    body = request(source.choice(QUESTIONS), OPUS)
    emulate = {"x-emulate": "events=200, event-delay-ms=20"}
    with sender.client("web.acme.test").messages.stream(**body, extra_headers=emulate) as events:
        for number, _ in enumerate(events):
            if number == EVENTS_BEFORE_LEAVING:
                return


def batch(sender: Sender, source: random.Random) -> None:
    """Ask several models at once, and fetch the results: twice, as a script does that was started again."""
    created = _create_batch(sender, source)
    batches = sender.client("research.example").messages.batches
    for _ in range(2):
        results = list(batches.results(created.id))
        if [line.result.type for line in results] != ["succeeded"] * 4 + ["errored"]:
            raise UnexpectedResponseError("the batch's results are not those of its requests")


def forgotten_batch(sender: Sender, source: random.Random) -> None:
    """Create a batch whose results nobody fetches."""
    _create_batch(sender, source)


def _create_batch(sender: Sender, source: random.Random) -> MessageBatch:
    asked = zip(source.sample(QUESTIONS, k=4), (HAIKU, HAIKU, SONNET, OPUS), strict=True)
    params = [request(text, model) for text, model in asked] + [request("Who?", "claude-no-such-model")]
    requests: list[Any] = [
        {"custom_id": f"question-{number}", "params": param} for number, param in enumerate(params)
    ]
    return sender.client("research.example").messages.batches.create(requests=requests)


def refused(kind: type[APIStatusError], *, emulate: str = "", stream: bool = False, **more: object) -> Play:
    """Return a scene that expects an error of this class."""

    def play(sender: Sender, source: random.Random) -> None:
        body = {**request(source.choice(QUESTIONS)), **more}
        try:
            sender.ask("api.acme.test", body, stream=stream, emulate=emulate)
        except kind:
            return
        raise UnexpectedResponseError(f"{kind.__name__} was due and did not come")

    return play
