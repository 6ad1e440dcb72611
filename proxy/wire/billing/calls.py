"""The model calls that an answer is billed for, from its `usage` and how its attempts ended.

`usage.iterations` (https://docs.claude.com/en/api/messages) lists calls. Some make up the top level, which repeats their sums:
those of the fallback model where one answered, else those of the answer's own model. All others (a compaction, an advisor, a
model that declined) are not in the top level and come on top.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from proxy.wire.billing.price_book import names_of
from proxy.wire.billing.refusals import NOT_REPORTED, ONE_ATTEMPT, SERVED, Attempts, Hop
from proxy.wire.billing.usage import Counts, Iteration, Usage

_MESSAGE, _FALLBACK = "message", "fallback_message"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model, in tokens; `kind` is "" or why it comes on top. `prompt_tokens` chooses the band of its price.

    `refusal` says how it ended, in the words of `proxy.wire.billing.refusals`.
    """

    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    prompt_tokens: int = 0
    kind: str = ""
    refusal: str = SERVED

    @property
    def tokens(self) -> Counts:
        written = self.cache_write_5m_tokens + self.cache_write_1h_tokens
        return Counts(self.input_tokens, self.output_tokens, self.cache_read_tokens, written)


def calls_of(usage: Usage, model: str, attempts: Attempts = ONE_ATTEMPT) -> list[Call]:
    """The calls behind an answer by `model`, its own first."""
    parts = _making_up(usage, model)
    if parts:
        calls = _with_surplus(parts, usage.billed_1h_tokens, model, attempts.refusal)
    else:
        calls = [_call(model, usage, usage.billed_1h_tokens, refusal=attempts.refusal)]
        parts = _candidates(usage, model)[0]
    taken = set(map(id, parts))
    on_top = [iteration for iteration in usage.iterations if id(iteration) not in taken]
    return calls + list(_on_top(on_top, model, attempts.hops))


def _making_up(usage: Usage, model: str) -> list[Iteration]:
    """The iterations whose sums are the top level's; none where they do not add up, so that the top level is one call."""
    for parts in _candidates(usage, model):
        if (
            parts
            and Counts(*map(sum, zip(*(part.usage.counts for part in parts), strict=True))) == usage.counts
        ):
            return parts
    return []


def _candidates(usage: Usage, model: str) -> list[list[Iteration]]:
    fallback = [iteration for iteration in usage.iterations if iteration.type == _FALLBACK]
    own = [
        iteration
        for iteration in usage.iterations
        if iteration.type == _FALLBACK or _is_own(iteration, model)
    ]
    # The model that took over may have called tools before its last call.
    return [fallback, own] if fallback else [own]


def _is_own(iteration: Iteration, model: str) -> bool:
    return iteration.type == _MESSAGE and (
        iteration.model is None or _version(iteration.model) == _version(model)
    )


def _version(model: str) -> str:
    *_, version = names_of(model)
    return version


def _with_surplus(parts: Sequence[Iteration], one_hour: int, model: str, refusal: str) -> list[Call]:
    """Writes for an hour that only the top level tells belong to the calls in their order.

    Each takes at most what it wrote; those whose own split does not say for how long take theirs first.
    """
    hours = [part.usage.billed_1h_tokens for part in parts]
    surplus = max(0, one_hour - sum(hours))
    for explained in (True, False):
        for position, part in enumerate(parts):
            five_minutes = (part.usage.cache_write_5m_tokens or 0) if explained else 0
            more = max(0, min(surplus, part.usage.cache_write_tokens - five_minutes - hours[position]))
            hours[position] += more
            surplus -= more
    return [
        _call(part.model or model, part.usage, hour, refusal=refusal)
        for part, hour in zip(parts, hours, strict=True)
    ]


def _on_top(others: Sequence[Iteration], model: str, hops: Sequence[Hop]) -> Iterator[Call]:
    declined = list(dict.fromkeys(other.model or model for other in others if other.type == _MESSAGE))
    for other in others:
        named, usage = other.model or model, other.usage
        if other.type == _MESSAGE:
            refusal = _refusal_of(named, declined, hops)
            yield _call(named, usage, usage.billed_1h_tokens, kind="declined", refusal=refusal)
        else:
            yield _call(
                named, usage, usage.billed_1h_tokens, kind=other.type.removesuffix(_MESSAGE).rstrip("_")
            )


def _refusal_of(model: str, declined: Sequence[str], hops: Sequence[Hop]) -> str:
    """How a model's attempt ended: its hop's name may be an alias that the client used, and then the order tells."""
    version = _version(model)
    for hop in hops:
        if _version(hop.model) == version:
            return hop.refusal
    return hops[declined.index(model)].refusal if len(hops) == len(declined) else NOT_REPORTED


def _call(model: str, usage: Usage, one_hour: int, *, kind: str = "", refusal: str = SERVED) -> Call:
    return Call(
        model,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens - one_hour,
        one_hour,
        usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        kind,
        refusal,
    )
