"""Notice when a spool lost something, remember when, and tell it once."""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from proxy.store.models import Spool
from proxy.store.notifications.losses import Loss, report
from proxy.store.pipeline import SpoolState, pipeline

log = logging.getLogger("nexus.pipeline")

# A spool that stays full drops something each second: the first loss is reported at once, the further ones together.
PAUSE = timedelta(hours=1)

# `lost` shrinks where a lost record is found again; then `told` shrinks with it, or the next loss would go unreported.
_NOTE = """
INSERT INTO proxy_spool AS old (id, accepted, dropped, stored, lost, lost_at, updated_at)
VALUES (%(id)s, 0, 0, 0, %(lost)s, now(), now())
ON CONFLICT (id) DO UPDATE SET lost = excluded.lost, told = least(old.told, excluded.lost),
    lost_at = CASE WHEN excluded.lost > old.lost THEN now() ELSE old.lost_at END
"""


def watch() -> None:
    """Look at the pipeline once."""
    spools = pipeline().spools
    note(spools)
    tell_new(spools)


def note(spools: Iterable[SpoolState]) -> None:
    """Remember what is lost so far, and since when."""
    # Without a heartbeat a gap cannot be seen, which does not mean that it is gone.
    changed = [
        loss for loss in spools if loss.lost > loss.noted or (loss.lost < loss.noted and loss.at is not None)
    ]
    with connection.cursor() as cursor:
        for spool in changed:
            cursor.execute(_NOTE, {"id": spool.id, "lost": spool.lost})
    for spool in changed:
        if spool.lost > spool.noted:
            counts = {"dropped": spool.dropped, "missing": spool.gaps, "bodies": spool.bodies_dropped}
            log.error("pipeline.lost", extra={"spool": spool.id, **counts})


def tell_new(spools: Iterable[SpoolState]) -> None:
    """One message about all that was lost since the last one."""
    by_id = {spool.id: spool for spool in spools}
    with transaction.atomic():
        rows = list(Spool.objects.select_for_update().filter(lost__gt=F("told")).order_by("pk"))
        if not rows or Spool.objects.filter(told_at__gt=timezone.now() - PAUSE).exists():
            return
        # Within the transaction: where it cannot be queued, it is reported the next time.
        report([Loss(by_id[str(row.id)], row.lost - row.told) for row in rows if str(row.id) in by_id])
        Spool.objects.filter(pk__in=[row.pk for row in rows]).update(told=F("lost"), told_at=timezone.now())
