"""Look at conversations that have rested for two minutes, and write what is found, in place of what was found before."""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, connection, transaction

from proxy.conversations.findings import finding
from proxy.conversations.findings.finding import FindingKind
from proxy.store.conversations import pending, threads
from proxy.store.conversations.loading import Loaded, load
from proxy.store.findings import tool_sums
from proxy.store.findings.breaks import breaks_of
from proxy.store.findings.loops import found_in
from proxy.store.findings.schemas import schemas_in
from proxy.store.ingest import storing
from proxy.store.models import CacheBreak, Conversation, Finding, month_of
from proxy.store.postgres import columns
from proxy.store.pricing import book
from proxy.wire.billing.price_book import PriceBook

log = logging.getLogger("nexus.findings")

# A run that takes longer ends early; the next one goes on.
SECONDS = 20.0
_MOST = 200
# Of longer conversations the newest turns are looked at; what was found in older ones stays.
MOST_TURNS = 5_000


def run(now: datetime) -> int:
    """How many conversations were looked at."""
    began = time.monotonic()
    looked_at = 0
    prices = book.book()
    for taken in pending.due(now, _MOST):
        if time.monotonic() - began > SECONDS:
            break
        try:
            _gather(taken.id)
            look_at(taken.id, prices)
        except OperationalError:
            raise
        except Exception:  # one conversation must not keep the others from being looked at
            log.exception("findings.failed", extra={"conversation": str(taken.id)})
        pending.done(taken)
        looked_at += 1
    return looked_at


def _gather(conversation: UUID) -> None:
    """Bring turns of message threads to where they belong."""
    if targets := threads.gather(conversation):
        with transaction.atomic():
            storing.hold(sorted({month_of(id_).date() for id_ in targets}))
            threads.move(targets)


def look_at(conversation: UUID, prices: PriceBook | None = None) -> None:
    """Find anew what is in one conversation, and count what became of its tools."""
    tool_sums.count(tool_sums.load([conversation]))
    row = Conversation.objects.filter(id=conversation).first()
    if row is None:
        return
    loaded = load(row, MOST_TURNS, whole=True)
    known = {found.id: found for found in CacheBreak.objects.filter(conversation=conversation)}
    breaks = breaks_of(loaded, known, prices or book.book())
    schemas = Finding.objects.filter(conversation=conversation, kind=FindingKind.TOOL_SCHEMAS)
    found = [*found_in(loaded), *schemas_in(loaded, dict(schemas.values_list("id", "sentence")))]
    write(loaded, breaks, _rows(loaded, found))


def _rows(loaded: Loaded, found: Iterable[finding.Finding]) -> list[Finding]:
    """Each a row at its last turn."""
    places: Counter[UUID] = Counter()
    rows = []
    for each in found:
        last = max(each.turns)
        row = Finding(
            id=last,
            place=places[last],
            kind=each.kind,
            conversation=loaded.conversation.id,
            domain=loaded.conversation.domain,
            turns=list(each.turns),
            sentence=each.sentence,
        )
        places[last] += 1
        columns.fit(row)
        rows.append(row)
    return rows


def write(loaded: Loaded, breaks: list[CacheBreak], findings: list[Finding]) -> None:
    """All of the loaded turns at once; who else writes them waits."""
    if not loaded.exchanges:
        return
    conversation, oldest = loaded.conversation.id, min(loaded.exchanges)
    months = sorted({month_of(id_).date() for id_ in loaded.exchanges})
    with transaction.atomic(), connection.cursor() as cursor:
        storing.hold(months)
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"findings {conversation}"])
        for model, rows in ((CacheBreak, breaks), (Finding, findings)):
            model._default_manager.filter(conversation=conversation, id__gte=oldest).delete()
            model._default_manager.bulk_create(rows)  # type: ignore[arg-type]  # rows of this model
