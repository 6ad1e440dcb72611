"""Token usage of one answer, merged from the parts that a stream reports.

Fields: https://docs.anthropic.com/en/api/messages (the object `usage`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from proxy.wire.billing.understood import UNREADABLE, says_something
from proxy.wire.lenient import as_count, as_dict, as_list, as_text, is_longer

# Bytes of JSON. The API's longest, with a model call for each of many tools, has a few kilobytes; each value of it costs time.
LONGEST = 128 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer consumed, in tokens. `raw` is the merged JSON with every field the API sent.

    The 5 min / 1 h split of cache writes is None where it was not reported; it may be older than the total.
    `server_tools` holds (name, calls), such as ("web_search", 3).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    thinking_tokens: int | None = None
    server_tools: tuple[tuple[str, int], ...] = ()
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: tuple["Iteration", ...] = ()
    raw: dict[str, object] = field(default_factory=dict)

    @property
    def total_tokens(self) -> int:
        """Input and output without the cache, as the predecessor counted (docs/predecessor.md#token-stats)."""
        return self.input_tokens + self.output_tokens

    @property
    def counts(self) -> "Counts":
        return Counts(*_of_columns(self))

    @property
    def billed_1h_tokens(self) -> int:
        """Of the cache writes, what is billed as written for an hour.

        The split may be older than the total (server tools write to the cache after it was reported): what it does
        not explain was written for 5 minutes, the API's default.
        """
        return min(self.cache_write_1h_tokens or 0, self.cache_write_tokens)


@dataclass(frozen=True, slots=True)
class Iteration:
    """One of several model calls behind an answer; `model` is None where it is the answer's own."""

    type: str
    model: str | None
    usage: Usage


def merge(*parts: object) -> Usage:
    """One usage from the `usage` objects of an answer in the order of arrival.

    Field by field the last explicit value wins: zero is a value, null is none, and a value of the wrong
    kind (a negative, fractional or unbelievably large count) never replaces a good one: it is kept beside it.
    """
    raw: dict[str, object] = {}
    for part in parts:
        add(raw, part)
    return _usage(raw)


def add(known: dict[str, object], part: object) -> None:
    """Merge one more `usage` object into those before it, by the rule of `merge`. One that is far too long is not read."""
    if is_longer(part, LONGEST):
        known[UNREADABLE + "usage"] = True
        return
    for name, value in as_dict(part).items():
        old = known.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            merged = dict(old)
            for inner, inner_value in value.items():
                _put(merged, inner, inner_value)
            known[name] = merged
        else:
            _put(known, name, dict(value) if isinstance(value, dict) else value)


def _put(known: dict[str, object], name: str, value: object) -> None:
    if _replaces(value, known.get(name)):
        known[name] = value
    elif says_something(value):
        # Kept under a name that nobody understands, so that no bill calls itself exact.
        known[UNREADABLE + name] = value


def _replaces(value: object, old: object) -> bool:
    if old is None:
        return True
    if as_count(old) is not None:
        return as_count(value) is not None
    if isinstance(old, dict | list):
        return isinstance(value, type(old))
    return value is not None


class Counts(NamedTuple):
    """The four counts of tokens of a merged `usage` object."""

    input: int
    output: int
    cache_read: int
    cache_write: int

    @property
    def prompt(self) -> int:
        """All that was given to the model, from the cache or not."""
        return self.input + self.cache_read + self.cache_write

    @property
    def cache_share(self) -> float | None:
        """What part of it was read from the cache, None of nothing."""
        return self.cache_read / self.prompt if self.prompt else None

    @property
    def by_usage_name(self) -> dict[str, int]:
        """As the API names them."""
        return dict(zip(USAGE_NAMES, self, strict=True))


NO_COUNTS = Counts(0, 0, 0, 0)
# The same counts in the API's `usage`, and as columns and fields of ours.
_INPUT, _OUTPUT, _CACHE_READ, _CACHE_WRITE = USAGE_NAMES = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
COUNT_COLUMNS = tuple(f"{name}_tokens" for name in Counts._fields)
_of_columns = attrgetter(*COUNT_COLUMNS)


def counts_in(holder: object) -> Counts:
    """Those of whatever has COUNT_COLUMNS; what is not known is 0."""
    return Counts(*[count or 0 for count in _of_columns(holder)])


def counts_of(raw: dict[str, object]) -> Counts:
    """All that limits and live pages need of it."""
    written = as_count(raw.get(_CACHE_WRITE))
    if written is None:
        written = as_count(sum(count or 0 for count in _split(raw)))
    return Counts(
        as_count(raw.get(_INPUT)) or 0,
        as_count(raw.get(_OUTPUT)) or 0,
        as_count(raw.get(_CACHE_READ)) or 0,
        written or 0,
    )


def _split(raw: dict[str, object]) -> tuple[int | None, int | None]:
    """Cache writes for 5 minutes and for an hour."""
    split = as_dict(raw.get("cache_creation"))
    return as_count(split.get("ephemeral_5m_input_tokens")), as_count(split.get("ephemeral_1h_input_tokens"))


def _usage(raw: dict[str, object]) -> Usage:
    counts, (five_minutes, one_hour) = counts_of(raw), _split(raw)
    return Usage(
        *counts,
        cache_write_5m_tokens=five_minutes,
        cache_write_1h_tokens=one_hour,
        thinking_tokens=as_count(as_dict(raw.get("output_tokens_details")).get("thinking_tokens")),
        server_tools=tuple(_server_tools(as_dict(raw.get("server_tool_use")))),
        service_tier=as_text(raw.get("service_tier")),
        speed=as_text(raw.get("speed")),
        inference_geo=as_text(raw.get("inference_geo")),
        iterations=tuple(
            _iteration(as_dict(item)) for item in as_list(raw.get("iterations")) if as_dict(item)
        ),
        raw=raw,
    )


def _server_tools(counts: dict[str, object]) -> Iterable[tuple[str, int]]:
    for name, value in counts.items():
        if (count := as_count(value)) is not None:
            yield name.removesuffix("_requests"), count


def _iteration(item: dict[str, object]) -> Iteration:
    # An iteration inside an iteration does not exist; dropping it bounds the depth.
    flat = {name: value for name, value in item.items() if name != "iterations"}
    return Iteration(as_text(item.get("type")) or "", as_text(item.get("model")) or None, _usage(flat))
