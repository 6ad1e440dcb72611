"""The requests of a coding agent's session, made up, in the shape and the proportions of Claude Code's traffic."""

import json
import random
from collections.abc import Iterator
from itertools import accumulate

from tests.store.records import MODEL

SESSION = "7f9c2a4e-0d51-4f0b-9a63-1c1b5a3e8d20"
_TOOLS = 24
_WORDS = 1500
_MARK = {"cache_control": {"type": "ephemeral"}}
_SYLLABLES = ("ba", "con", "de", "for", "in", "ka", "li", "men", "no", "per", "qui", "ra", "so", "ti", "un")

Json = dict[str, object]


class AgentSession:
    """A conversation that grows by an answer and its tools' results each turn; the same seed gives the same bytes."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        # The n-th word comes 1/n as often as the first: so prose compresses about as well as people's does.
        self._weights = list(accumulate(1 / rank for rank in range(1, _WORDS + 1)))
        self._vocabulary = ["".join(self._random.choices(_SYLLABLES, k=3)) for _ in range(_WORDS)]
        self._system = [self._system_block(size) for size in (60, 900, 8_000)]
        self._system[1] |= _MARK
        self._system[2] |= _MARK
        self._tools = [self._tool(number) for number in range(_TOOLS)]
        self._messages: list[Json] = [self._opening()]
        self._todos = 0

    def requests(self, turns: int) -> Iterator[bytes]:
        """The body of each turn's request."""
        for _ in range(turns):
            yield self._request()
            self._messages.append(self._response())
            self._messages.append(self._results())

    def sentences(self, count: int) -> list[str]:
        """Pieces of prose, such as a stream's deltas carry."""
        return [self._words(self._random.randint(5, 40)) for _ in range(count)]

    def _request(self) -> bytes:
        body = {
            "model": MODEL,
            "messages": [*self._messages[:-3], *map(_marked, self._messages[-3:])],
            "temperature": 1,
            "system": self._system,
            "tools": self._tools,
            "metadata": {"user_id": f"user_{'0f' * 32}_account_{SESSION}_session_{SESSION}"},
            "max_tokens": 32_000,
            "stream": True,
        }
        return json.dumps(self._with_reminder(body), ensure_ascii=False, separators=(",", ":")).encode()

    def _with_reminder(self, body: Json) -> Json:
        """The last message carries the list of tasks of this turn, which the next turn leaves out."""
        self._todos += 1
        *history, last = self._messages_of(body)
        reminder = f"<system-reminder>\nTask {self._todos}: {self._words(300)}\n</system-reminder>"
        blocks = [{"type": "text", "text": reminder}, *_blocks(last)]
        return body | {"messages": [*history, last | {"content": blocks}]}

    def _messages_of(self, body: Json) -> list[Json]:
        messages = body["messages"]
        assert isinstance(messages, list)
        return messages

    def _opening(self) -> Json:
        context = f"<system-reminder>\n{self._words(16_000)}\n</system-reminder>"
        return _message("user", [_text(context), _text(self._words(400))])

    def _response(self) -> Json:
        calls = [self._call() for _ in range(self._random.choice((1, 1, 1, 2)))]
        said = [_text(self._words(self._random.randint(40, 400)))] if self._random.random() < 0.7 else []
        return _message("assistant", said + calls)

    def _call(self) -> Json:
        size = self._random.choice((40, 60, 90, 120, 900))
        return {
            "type": "tool_use",
            "id": self._id(),
            "name": f"Tool{self._random.randrange(_TOOLS)}",
            "input": {"file_path": f"/src/{self._words(30)}", "content": self._words(size)},
        }

    def _results(self) -> Json:
        calls = [block for block in _blocks(self._messages[-1]) if block["type"] == "tool_use"]
        return _message("user", [self._result(str(call["id"])) for call in calls])

    def _result(self, call: str) -> Json:
        text = self._code(self._random.choice((30, 100, 200, 400, 900, 4000)))
        content: object = text if self._random.random() < 0.8 else [_text(text)]
        return {"tool_use_id": call, "type": "tool_result", "content": content}

    def _system_block(self, size: int) -> Json:
        return _text(self._words(size))

    def _tool(self, number: int) -> Json:
        properties = {
            self._words(9): {"type": "string", "description": self._words(self._random.randint(60, 160))}
            for _ in range(self._random.randint(2, 6))
        }
        schema = {"type": "object", "properties": properties, "required": list(properties)[:1]}
        description = self._words(self._random.choice((300, 700, 1200, 2500, 3800)))
        return {"name": f"Tool{number}", "description": description, "input_schema": schema}

    def _words(self, size: int) -> str:
        """Prose of about `size` characters."""
        words = self._random.choices(self._vocabulary, cum_weights=self._weights, k=size // 6 + 1)
        return " ".join(words)[:size]

    def _code(self, size: int) -> str:
        """Lines with numbers, quotes and indentation, of about `size` characters."""
        lines = (
            f'{number:>6}→\t    {name} = "{self._words(24)}"  # §{number}\n'
            for number, name in enumerate(self._random.choices(self._vocabulary, k=size // 55 + 1), 1)
        )
        return "".join(lines)[:size]

    def _id(self) -> str:
        return f"toolu_01{self._random.randbytes(11).hex()}"


def _marked(message: Json) -> Json:
    """The message with `cache_control` on its last block."""
    *blocks, last = _blocks(message)
    return message | {"content": [*blocks, last | _MARK]}


def _message(role: str, content: list[Json]) -> Json:
    return {"role": role, "content": content}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _blocks(message: Json) -> list[Json]:
    content = message["content"]
    assert isinstance(content, list)
    return content
