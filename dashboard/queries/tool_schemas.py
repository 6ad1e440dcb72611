"""The clients that ship many tokens of tools' schemas with each request: the newest finding of each client key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries.client_keys import names_of
from dashboard.queries.filtering import in_period_and_domain
from proxy.conversations.findings.finding import FindingKind
from proxy.store.models import Exchange, Finding, moment_of

# Of so many newest findings the clients are looked at.
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Client:
    """A client key, "" for none, with how many `sessions` show it; `turn` of `conversation` is the newest one."""

    client_key: str
    sessions: int
    turn: UUID
    conversation: UUID
    found_at: datetime
    sentence: str


def clients(chosen: Filter) -> list[Client]:
    """Those of a filter's period and domain, the most sessions first."""
    rows = Finding.objects.filter(in_period_and_domain(chosen, timezone.now()), kind=FindingKind.TOOL_SCHEMAS)
    newest = list(rows.order_by("-id")[:MOST])
    if not newest:
        return []
    ids = [row.id for row in newest]
    # The bounds keep other months out of the plan.
    exchanges = Exchange.objects.filter(id__in=ids, id__gte=min(ids), id__lte=max(ids))
    keys = dict(exchanges.values_list("id", "client_key"))
    names = names_of(keys.values())
    by_key: dict[str, list[Finding]] = {}
    for row in newest:
        key = keys.get(row.id, "")
        by_key.setdefault(names.get(key, key), []).append(row)
    found = [_client(key, rows) for key, rows in by_key.items()]
    return sorted(found, key=lambda client: (-client.sessions, client.client_key))


def _client(key: str, rows: list[Finding]) -> Client:
    newest = rows[0]
    sessions = len({row.conversation for row in rows})
    return Client(key, sessions, newest.id, newest.conversation, moment_of(newest.id), newest.sentence)
