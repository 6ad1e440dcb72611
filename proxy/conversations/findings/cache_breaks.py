"""Cache breaks: usage finds them, what they lost and what that cost. Why they broke is in `cache_causes`.

How the API caches: https://docs.claude.com/en/docs/build-with-claude/prompt-caching; docs/decisions/0038-cache-breaks.md.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from proxy.wire.calls import Call
from proxy.wire.price_book import Price
from proxy.wire.pricing import Bill, Terms, lines_of

LEAST_LOST_TOKENS = 1024
LEAST_LOST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class TurnUsage:
    """What usage tells of one answered turn, in tokens; `model` is the one that answered, `started_at` is aware."""

    model: str
    started_at: datetime
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    speed: str | None = None

    @property
    def cached_tokens(self) -> int:
        """What the next turn can read."""
        return self.cache_read_tokens + self.cache_write_tokens

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cached_tokens


def lost(parent: TurnUsage, turn: TurnUsage, *, reset: bool = False) -> int:
    """Tokens that were cached in the parent and not read in this turn; 0 where that is no break.

    `parent` is the nearest turn before it that was answered. `reset`: the first turn after a compaction.
    """
    tokens = parent.cached_tokens - turn.cache_read_tokens
    few = tokens < LEAST_LOST_TOKENS or tokens < LEAST_LOST_SHARE * parent.cached_tokens
    return 0 if few or reset or not turn.prompt_tokens else tokens


def avoidable_usd(lost_tokens: int, turn: TurnUsage, price: Price, terms: Terms) -> Decimal | None:
    """What the turn cost more than if the lost tokens had been read, by the rules of bills; None where a rate is not known.

    Of the lost tokens those that the turn does not hold any more cost nothing: it wrote the others again, or took them as input.
    """
    written = min(lost_tokens, turn.cache_write_tokens)
    one_hour = written * turn.cache_write_1h_tokens // turn.cache_write_tokens if written else 0
    plain = min(lost_tokens - written, turn.input_tokens)
    prompt = turn.prompt_tokens
    paid = Call(
        turn.model,
        input_tokens=plain,
        cache_write_5m_tokens=written - one_hour,
        cache_write_1h_tokens=one_hour,
        prompt_tokens=prompt,
    )
    read = Call(turn.model, cache_read_tokens=written + plain, prompt_tokens=prompt)
    found = Bill()
    amounts = [
        sum((line.amount for line in lines_of(call, terms, turn.started_at, price, found)), Decimal(0))
        for call in (paid, read)
    ]
    return None if found.reasons else max(Decimal(0), amounts[0] - amounts[1])
