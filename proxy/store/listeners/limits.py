"""Give Redis what the database knows of the spending, so that the proxies' limits are exact (decision 0021).

The sums are copied, never added to: however often an exchange is settled, and after Redis was wiped, they are the database's.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import redis
from django.db import connection, transaction

from accounts import redis_client
from accounts.access.limits import (
    ORGANISATION,
    Rule,
    domain_scope,
    end,
    key_scope,
    millionths,
    redis_key,
    spent_key,
)
from accounts.limits import scripts as limit_scripts
from accounts.models.limits import read_rules
from proxy.store.announce import Stored
from proxy.store.ingest import history
from proxy.store.sums import spend

_SECONDS = 2
_MOST_OPEN = 5000
# One at a time: a sum that was read earlier must not be written over a later one.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('nexus_limits'))"

_Open = tuple[str, str]


def settle(stored: list[Stored]) -> None:
    """These exchanges are in the sums: what was reserved for them is free."""
    rules = _with_caps()
    if not rules:
        return
    scopes = {rule.scope for rule in rules}
    done = [
        (scope, str(exchange.exchange_id))
        for exchange in stored
        for scope in (
            ORGANISATION,
            domain_scope(exchange.tenant or exchange.domain),
            key_scope(exchange.client_key),
        )
        if scope in scopes
    ]
    _write(redis_client.client(_SECONDS), rules, done)


def reconcile() -> None:
    """The same for whatever was stored without a word to Redis: by an import, a replay, or a worker that could not reach it."""
    rules = _with_caps()
    if not rules:
        return
    client = redis_client.client(_SECONDS)
    still_open = [
        (rule.scope, str(member))
        for rule in rules
        for member in client.zrange(redis_key(rule.scope, "open"), 0, _MOST_OPEN - 1)
    ]
    known = {
        str(exchange_id) for exchange_id in history.known({UUID(exchange) for _, exchange in still_open})
    }
    _write(client, rules, [hold for hold in still_open if hold[1] in known])


def _with_caps() -> list[Rule]:
    return [rule for rule in read_rules().all() if rule.caps]


def _write(client: redis.Redis, rules: Sequence[Rule], stored: Iterable[_Open]) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_LOCK)
        ask = {"stored": list(stored), "spent": _spent(rules, datetime.now(UTC).date())}
        client.eval(limit_scripts.SETTLE, 0, msgspec.json.encode(ask))


def _spent(rules: Sequence[Rule], today: date) -> list[tuple[str, int, int]]:
    """For each cap: its key, millionths of a USD, and when it may be forgotten (epoch seconds)."""
    sums = spend.sums(today)
    return [
        (
            spent_key(rule.scope, period, today),
            millionths(sums.get(rule.scope, {}).get(period, Decimal(0))),
            round(datetime.combine(end(period, today) + timedelta(days=1), time.min, UTC).timestamp()),
        )
        for rule in rules
        for period, _ in rule.caps
    ]
