"""`manage.py migrate`: Django's, but ingest goes first (docs/operations.md#upgrade)."""

import time
from typing import Any

from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.migrations import Migration
from psycopg.errors import DeadlockDetected, LockNotAvailable

# Whatever waits for the lock of a whole table holds up all who come after it, ingest too, although a mere reader is in its way.
LOCK_SECONDS = 2
# So long ingest has the tables to itself again.
PAUSE_SECONDS = 5.0
# An hour: longer than most backups.
MOST_TRIES = 500


class Command(migrate.Command):
    """A migration that cannot have its locks soon is undone and tried again."""

    def handle(self, *args: Any, **options: Any) -> None:
        self._database = options["database"]
        for _ in range(MOST_TRIES):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                    raise
            finally:
                self._bound_waiting(0)
            self.stderr.write(
                "Something reads or changes for long what a migration has to change: a backup, a long query. Ingest goes first; "
                f"tried again in {PAUSE_SECONDS:.0f} s."
            )
            time.sleep(PAUSE_SECONDS)
        super().handle(*args, **options)

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        """Django calls it before and after each migration."""
        if migration and action in ("apply_start", "unapply_start"):
            # One without a transaction cannot be undone, and holds up nobody while it waits.
            self._bound_waiting(LOCK_SECONDS if migration.atomic else 0)
        super().migration_progress_callback(action, migration, fake)

    def _bound_waiting(self, seconds: int) -> None:
        """For locks, of this connection; 0 is without a bound."""
        connection = connections[self._database]
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{seconds}s'")
