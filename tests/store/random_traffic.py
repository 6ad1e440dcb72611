"""Traffic of all kinds, from a seed: what sums have to add up over."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from proxy.histograms import BOUNDS_MS
from proxy.record import OUTCOMES, Record
from proxy.store.models import Breakdown, DayBreakdown, DayRollup, DomainTotal, Rollup, Spend
from tests.roles import as_owner
from tests.store.records import SSE, ask, make_closing, make_head, make_record, say, start, stream

FIRST = datetime(2026, 8, 30, tzinfo=UTC)
DAYS = 70
DOMAINS = ["a.example", "b.example:8443", "configured.example", "Ω.example"]
MODELS = ["claude-sonnet-4-5", "claude-haiku-4-5-20251001", "claude-next-1", "fast"]
TARGETS = ["/v1/messages?beta=true", "/v1/messages/count_tokens", "/v1/complete", "/v1/models"]
DURATIONS = [bound + step for bound in BOUNDS_MS for step in (-1, 0, 1)] + [0, 10**6]


def record(random: Random, serial: int) -> Record:
    """Any domain, account, model, type, outcome and hour; a tenth comes from strangers who are refused."""
    stranger = random.random() < 0.1
    moment = FIRST + timedelta(days=random.randrange(DAYS), seconds=random.randrange(4 * 3600))
    model = random.choice(MODELS)
    head = make_head(
        moment,
        started_at=moment.timestamp() + random.choice([0, 0.3, -0.3, 7200, -7200]),
        domain=f"stranger-{random.randrange(50)}.example" if stranger else random.choice(DOMAINS),
        account=random.choice(["team", "other", ""]),
        target=random.choice(TARGETS),
        client_key=random.choice(["", "7"]),
        paid_by=random.choice(["client", "file:a.example"]),
        tenant=random.choice(["", "*.example"]),
    )
    outcome = random.choice(["refused", "upstream_error"]) if stranger else random.choice(OUTCOMES)
    status = random.choice([401, 403]) if stranger else random.choice([0, 200, 200, 200, 429, 529])
    streamed = random.random() < 0.5
    closing = make_closing(
        outcome=outcome,
        status=status,
        duration_ms=random.choice(DURATIONS),
        first_byte_ms=random.choice([None, 0, 700, *BOUNDS_MS]),
        error_type="" if outcome == "complete" else random.choice(["", "overloaded_error", "api_error"]),
        **({"headers": SSE} if streamed else {}),
    )
    response = b"" if stranger else _response(random, model, streamed)
    metadata = random.choice([{}, {"user_id": "ann"}, {"user_id": "bob"}])
    request = ask(model=model, system=["s"] * random.randrange(3), metadata=metadata)
    return make_record(request, response, serial=serial, head=head, closing=closing)


def _response(random: Random, model: str, streamed: bool) -> bytes:
    model = "claude-next-1-20270101" if model == "fast" else model
    usage = {
        "input_tokens": random.randrange(10**6),
        "output_tokens": random.randrange(10**5),
        "cache_read_input_tokens": random.randrange(10**6),
        "cache_creation_input_tokens": random.randrange(10**5),
    }
    tools = [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}] * random.randrange(3)
    if not streamed:
        return say(model=model, usage=usage, content=tools)
    first = start(**usage)
    first["message"] = {"id": "msg_2", "model": model, "usage": usage}
    last: list[dict[str, object]] = [{"type": "message_stop"}]
    return stream(first, *last * random.randrange(2))


def batches(random: Random, count: int) -> Iterator[list[Record]]:
    """`count` records in batches of any size; some batches come twice."""
    records = [record(random, serial) for serial in range(count)]
    found: list[list[Record]] = []
    while records:
        size = random.randrange(1, 40)
        found.append(records[:size])
        del records[:size]
    found += random.sample(found, len(found) // 4)
    random.shuffle(found)
    return iter(found)


def rollups() -> list[tuple[object, ...]]:
    """All that the rollups say, but for their ids."""
    names = [field.attname for field in Rollup._meta.concrete_fields if field.attname != "id"]
    return _rows(Rollup.objects.values_list(*names))


def days() -> list[tuple[object, ...]]:
    """All that the days say, but for those that say nothing."""
    names = [field.attname for field in DayRollup._meta.concrete_fields if field.attname != "id"]
    with as_owner():
        return _rows(DayRollup.objects.filter(requests__gt=0).values_list(*names))


def _rows(found: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """In an order, with lists as tuples."""
    return sorted(tuple(tuple(value) if isinstance(value, list) else value for value in row) for row in found)


def breakdowns() -> list[list[tuple[object, ...]]]:
    """All that the sums by value say, of hours and of days."""
    return [sorted(model.objects.values_list()) for model in (Breakdown, DayBreakdown)]


def totals() -> list[tuple[object, ...]]:
    return sorted(DomainTotal.objects.values_list())


def spending() -> list[tuple[object, ...]]:
    """What was spent, but for sums that came to nothing."""
    rows = Spend.objects.exclude(cost_usd=0)
    return sorted(rows.values_list("day", "domain", "client_key", "known", "cost_usd"))
