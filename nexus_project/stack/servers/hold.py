"""A stack's hold on the embedded servers: its lease, taken again when the keeper that gave it was killed."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from nexus_project.stack.backoff import Backoff, in_words
from nexus_project.stack.errors import StackError
from nexus_project.stack.servers import lease
from nexus_project.stack.servers.lease import Lease


class Hold:
    """`renewed` is called with each new lease, so that whoever shall hold it too can.

    A new keeper starts the servers on the ports that they had, so that services need not know.
    """

    def __init__(self, data_dir: Path, held: Lease, renewed: Callable[[Lease], None]) -> None:
        self._data_dir, self._lease, self._renewed = data_dir, held, renewed
        self._taking: threading.Thread | None = None
        self._taken: Lease | StackError | OSError | None = None
        self._backoff, self._due = Backoff(), 0.0

    def news(self) -> list[str]:
        """What happened to the servers since the last time, in sentences. Never waits."""
        if self._taken:
            return [self._finish(self._taken)]
        if self._taking:
            return []
        said = self._lease.news()
        if self._lease.lost() and time.monotonic() >= self._due:
            self._taking = threading.Thread(target=self._take, name="hold", daemon=True)
            self._taking.start()
            said.append("The keeper of the embedded servers has ended: starting another")
        return said

    def leave(self) -> None:
        """Give the lease back, also one that is just being taken."""
        if self._taking:
            self._taking.join()
        if isinstance(self._taken, Lease):
            self._lease.leave()
            self._lease = self._taken
        self._lease.leave()

    def _take(self) -> None:
        try:
            self._taken = lease.take(self._data_dir, self._lease.needs)
        except (StackError, OSError) as error:
            self._taken = error

    def _finish(self, taken: Lease | StackError | OSError) -> str:
        self._taking = self._taken = None
        if not isinstance(taken, Lease):
            pause = self._backoff.pause(0)
            self._due = time.monotonic() + pause
            return f"{taken}; trying again {in_words(pause)}"
        before, self._lease = self._lease, taken
        self._renewed(taken)
        before.leave()
        if before.urls != taken.urls:
            return "The embedded servers have other addresses now: start again, until then records wait in the spool"
        return " ".join(["The embedded servers are up again", *taken.notices])
