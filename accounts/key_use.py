"""When client keys were last used: written by whoever stores the records, so that the proxy's way asks no database."""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection, transaction

log = logging.getLogger("nexus.access")

# Once a minute at most, and a row that somebody holds (the admin, another worker) waits for the key's next use.
_NOTE = """
WITH due AS (
    SELECT key.id, least(used.at, now()) AS at
    FROM accounts_clientkey AS key JOIN unnest(%s::bigint[], %s::timestamptz[]) AS used (id, at) ON used.id = key.id
    WHERE key.last_used_at IS NULL OR key.last_used_at < least(used.at, now()) - interval '1 minute'
    ORDER BY key.id FOR UPDATE OF key SKIP LOCKED
)
UPDATE accounts_clientkey AS key SET last_used_at = due.at FROM due WHERE key.id = due.id
"""


def note(uses: Iterable[tuple[str, datetime]]) -> None:
    """Keep the latest use of each key, named as records name it (`KeyGrant.reference`); those of files have no row.

    A failure is logged and no more: the records themselves are stored.
    """
    latest: dict[int, datetime] = {}
    for reference, at in uses:
        if reference.isascii() and reference.isdigit() and len(reference) < 19:
            latest[int(reference)] = max(at, latest.get(int(reference), at))
    if not latest:
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_NOTE, [list(latest), list(latest.values())])
    except (DatabaseError, InterfaceError) as error:
        log.warning("client_keys.use_not_noted", extra={"why": f"{type(error).__name__}: {error}"})
