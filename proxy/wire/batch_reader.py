"""Sum up the lines of a message batch's results, however large their file is."""

from typing import Any, NamedTuple

import msgspec

from proxy.wire.batches import OTHERS, RESULT_TYPES, SEVERAL, UNREADABLE, Results, Share
from proxy.wire.billing.calls import Call, calls_of
from proxy.wire.billing.price_book import THRESHOLDS
from proxy.wire.billing.pricing import Terms, terms_of, unknown_fields
from proxy.wire.billing.refusals import attempts_of
from proxy.wire.billing.understood import MOST_REASONS
from proxy.wire.billing.usage import COUNT_COLUMNS, Counts, Usage, merge
from proxy.wire.lenient import as_dict, as_text, parse
from proxy.wire.lines import Lines

# More than any message has. What is longer is no line but something else without line ends.
_LONGEST_LINE = 32 * 1024**2
_SLICE = 1024**2
# There are a dozen models, each served in a few ways; a file with more is not the API's, and must not make a row without end.
_MOST_SHARES = 50
_LONGEST_NAME = 120


def read_results(body: bytes, thresholds: tuple[int, ...] = THRESHOLDS) -> Results:
    """What a whole or a cut file of results says. Never raises."""
    reader = Reader(thresholds)
    view = memoryview(body)
    for start in range(0, len(body), _SLICE):
        reader.feed(view[start : start + _SLICE])
    return reader.finish()


_Sums = dict[str, int]  # of calls, by the fields of Share


class _Key(NamedTuple):
    """What a price depends on."""

    model: str
    over_tokens: int = 0
    fast: bool = False
    in_us: bool = False
    refusal: str = ""


class Reader:
    """Feed it the pieces of a file of results; how they were cut changes nothing, and memory is bounded.

    `thresholds` are the sizes of prompts, in tokens, over which some price has a band, ascending. Another process goes on with
    the `state` of this one.
    """

    def __init__(self, thresholds: tuple[int, ...] = THRESHOLDS) -> None:
        self._lines = Lines(_LONGEST_LINE)
        self._thresholds = thresholds
        self._types: dict[str, int] = {}
        self._answered: set[str] = set()
        self._reported: _Sums = {}
        self._billed: dict[_Key, _Sums] = {}
        self._reasons: dict[str, None] = {}

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the file."""
        for line in self._lines.feed(chunk):
            self._add(line)

    def state(self) -> bytes:
        """All that it knows by now."""
        shares = list(self._billed.items())
        known = (self._types, self._answered, self._reported, shares, list(self._reasons))
        return msgspec.msgpack.encode((self._lines.state, self._thresholds, *known))

    @classmethod
    def restore(cls, state: bytes) -> "Reader":
        """The reader whose state it is; msgspec.DecodeError where it is none."""
        lines, thresholds, *known, shares, reasons = _decode_state(state)
        reader = cls(thresholds)
        reader._lines.restore(lines)
        reader._types, reader._answered, reader._reported = known
        reader._billed, reader._reasons = dict(shares), dict.fromkeys(reasons)
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
            **{name: self._reported.get(name, 0) for name in COUNT_COLUMNS},
            shares=[_share(key, sums) for key, sums in sorted(self._billed.items())],
            reasons=list(self._reasons),
            thresholds=self._thresholds,
        )

    def _add(self, line: bytes | None) -> None:
        if line is not None and not line.strip():
            return
        result = as_dict(as_dict(parse(line)).get("result")) if line else {}
        message = as_dict(result.get("message"))
        usage = as_dict(message.get("usage"))
        kind = _type(result, reported=bool(usage))
        self._types[kind] = self._types.get(kind, 0) + 1
        # Whatever its type is called: an answer with its usage was billed.
        if usage:
            self._bill((as_text(message.get("model")) or "")[:_LONGEST_NAME], merge(usage), message)

    def _bill(self, model: str, usage: Usage, message: dict[str, object]) -> None:
        _add(self._reported, usage.counts)
        terms = terms_of(usage, batch=True)
        own, *others = calls_of(usage, model, attempts_of(message))
        searches = dict(usage.server_tools).get("web_search", 0)
        self._answered.add(self._bill_call(own, terms, answers=1, web_searches=searches).model)
        for call in others:
            self._bill_call(call, terms)
        for reason in unknown_fields(usage):
            if len(self._reasons) < MOST_REASONS:
                self._reasons[reason] = None

    def _bill_call(self, call: Call, terms: Terms, **more: int) -> _Key:
        key = self._known(_key(call, terms, self._thresholds))
        sums = self._billed.setdefault(key, {})
        _add(sums, call.tokens, cache_write_1h_tokens=call.cache_write_1h_tokens, **more)
        return key

    def _known(self, key: _Key) -> _Key:
        return key if key in self._billed or len(self._billed) < _MOST_SHARES else _Key(OTHERS)


def _key(call: Call, terms: Terms, thresholds: tuple[int, ...]) -> _Key:
    over = max((threshold for threshold in thresholds if call.prompt_tokens > threshold), default=0)
    return _Key(call.model[:_LONGEST_NAME], over, terms.fast, terms.in_us, call.refusal)


def _share(key: _Key, sums: _Sums) -> Share:
    fields: dict[str, Any] = {**key._asdict(), **sums}
    return Share(**fields)


def _add(sums: _Sums, tokens: Counts, **more: int) -> None:
    for name, count in (*zip(COUNT_COLUMNS, tokens, strict=True), *more.items()):
        sums[name] = sums.get(name, 0) + count


_State = tuple[
    tuple[bytes, bool],
    tuple[int, ...],
    dict[str, int],
    set[str],
    _Sums,
    list[tuple[_Key, _Sums]],
    list[str],
]
_decode_state = msgspec.msgpack.Decoder(_State).decode


def _type(result: dict[str, object], *, reported: bool) -> str:
    """What a line counts as; an answer that does not tell its usage is as good as unread."""
    kind = as_text(result.get("type"))
    if kind is None or (kind == "succeeded" and not reported):
        return UNREADABLE
    return kind if kind in RESULT_TYPES else "other"
