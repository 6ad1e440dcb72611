"""Message batches: which one an answer creates, and what the lines of its results consumed.

Format: https://docs.claude.com/en/api/retrieving-message-batch-results. One JSON object a line, in any order.
"""

import re
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from itertools import islice

import msgspec

from proxy.wire.lenient import as_count, as_dict, as_text, parse
from proxy.wire.lines import Lines
from proxy.wire.usage import Usage, merge

SEVERAL = "(several)"
OTHERS = "(others)"
RESULT_TYPES = ("succeeded", "errored", "canceled", "expired")
UNREADABLE = "unreadable"

_CREATE = "/v1/messages/batches"
_RESULTS = re.compile(r"/v1/messages/batches/([^/]+)/results/?")
# More than any message has. What is longer is no line but something else without line ends.
_LONGEST_LINE = 32 * 1024**2
_SLICE = 1024**2
# There are a dozen models; a file that names more than these is not the API's, and must not make a row without end.
_MOST_MODELS = 50
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Created:
    """A batch that was just created; `created_at` and `requests` are None where the answer does not tell."""

    batch_id: str
    created_at: datetime | None
    requests: int | None


class Share(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one model of a batch is billed for. `answers` is 0 for a model that only worked inside those of others."""

    model: str
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    web_searches: int = 0
    cost_usd: Decimal | None = None
    price_id: int | None = None

    @property
    def usage(self) -> Usage:
        """The same, as a bill is made of it."""
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cache_read_tokens=self.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens,
            cache_write_1h_tokens=self.cache_write_1h_tokens,
            server_tools=(("web_search", self.web_searches),),
        )


class Results(msgspec.Struct, frozen=True):
    """What a file of results says. Token counts are the sums of what the answers told; `shares` is what is billed.

    `types` counts the lines by their type, with `other` for one that is not known and UNREADABLE for what is no result.
    `whole` is false where the last line was cut; `model` is what all answers share, else SEVERAL, "" without any.
    """

    types: dict[str, int]
    whole: bool
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    shares: list[Share]

    @property
    def read(self) -> int:
        """The lines that are results."""
        return sum(self.types.values()) - self.unreadable

    @property
    def unreadable(self) -> int:
        return self.types.get(UNREADABLE, 0)


def created(method: str, path: str, status: int, answer: dict[str, object] | None) -> Created | None:
    """The batch that a request to `path` (without query) created, None where it created none."""
    fields = as_dict(answer)
    batch_id = as_text(fields.get("id"))
    if (method, path.rstrip("/"), status) != ("POST", _CREATE, 200) or not batch_id:
        return None
    counts = [as_count(value) for value in as_dict(fields.get("request_counts")).values()]
    return Created(batch_id, _moment(fields.get("created_at")), sum(filter(None, counts)) or None)


def batch_of_results(method: str, path: str) -> str | None:
    """The id of the batch whose results a request to `path` (without query) asks for."""
    asked = _RESULTS.fullmatch(path)
    return asked[1] if asked and method == "GET" else None


def read_results(body: bytes) -> Results:
    """What a whole or a cut file of results says. Never raises."""
    reader = Reader()
    view = memoryview(body)
    for start in range(0, len(body), _SLICE):
        reader.feed(view[start : start + _SLICE])
    return reader.finish()


def first_results(body: bytes, count: int) -> list[dict[str, object]]:
    """The first few results of a file, parsed."""
    return [fields for line in islice(BytesIO(body), count) if (fields := as_dict(parse(line)))]


class Reader:
    """Feed it the pieces of a file of results; how they were cut changes nothing, and memory is bounded.

    Another process goes on with the `state` of this one.
    """

    def __init__(self) -> None:
        self._lines = Lines(_LONGEST_LINE)
        self._types: dict[str, int] = {}
        self._answered: set[str] = set()
        self._told = _Sums()
        self._billed: dict[str, _Sums] = {}

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the file."""
        for line in self._lines.feed(chunk):
            self._add(line)

    def state(self) -> bytes:
        """All that it knows by now."""
        return msgspec.msgpack.encode(
            (self._lines.state, self._types, self._answered, self._told, self._billed)
        )

    @classmethod
    def restore(cls, state: bytes) -> "Reader":
        """The reader whose state it is; msgspec.DecodeError where it is none."""
        reader = cls()
        lines, reader._types, reader._answered, reader._told, reader._billed = _decode_state(state)
        reader._lines.restore(lines)
        return reader

    def finish(self) -> Results:
        """All that was fed, as the end of the file."""
        rest = self._lines.flush()
        cut = rest is None or bool(rest.strip() and not as_dict(parse(rest)))
        self._add(rest)
        models = self._answered
        return Results(
            types=self._types,
            whole=not cut,
            model=SEVERAL if len(models) > 1 else next(iter(models), ""),
            input_tokens=self._told.input_tokens,
            output_tokens=self._told.output_tokens,
            cache_read_tokens=self._told.cache_read_tokens,
            cache_write_tokens=self._told.cache_write_tokens,
            shares=[sums.share(model) for model, sums in sorted(self._billed.items())],
        )

    def _add(self, line: bytes | None) -> None:
        if line is not None and not line.strip():
            return
        result = as_dict(as_dict(parse(line)).get("result")) if line else {}
        message = as_dict(result.get("message"))
        usage = as_dict(message.get("usage"))
        kind = _type(result, told=bool(usage))
        self._types[kind] = self._types.get(kind, 0) + 1
        # Whatever its type is called: an answer with its usage was billed.
        if usage:
            self._bill(as_text(message.get("model")) or "", merge(usage))

    def _bill(self, name: str, usage: Usage) -> None:
        model = self._known(name)
        self._answered.add(model)
        self._told.add(usage)
        own = self._billed.setdefault(model, _Sums())
        own.answers += 1
        own.web_searches += dict(usage.server_tools).get("web_search", 0)
        for step_model, step in usage.steps(model):
            self._billed.setdefault(self._known(step_model), _Sums()).add(step)

    def _known(self, name: str) -> str:
        model = name[:_LONGEST_NAME]
        return model if model in self._billed or len(self._billed) < _MOST_MODELS else OTHERS


@dataclass(slots=True)
class _Sums:
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    web_searches: int = 0

    def add(self, usage: Usage) -> None:
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cache_read_tokens += usage.cache_read_tokens
        self.cache_write_tokens += usage.cache_write_tokens
        self.cache_write_1h_tokens += usage.billed_1h_tokens

    def share(self, model: str) -> Share:
        return Share(model, *astuple(self))


_State = tuple[tuple[bytes, bool], dict[str, int], set[str], _Sums, dict[str, _Sums]]
_decode_state = msgspec.msgpack.Decoder(_State).decode


def _type(result: dict[str, object], *, told: bool) -> str:
    """What a line counts as; an answer that does not tell its usage is as good as unread."""
    kind = as_text(result.get("type"))
    if kind is None or (kind == "succeeded" and not told):
        return UNREADABLE
    return kind if kind in RESULT_TYPES else "other"


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(as_text(value) or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
