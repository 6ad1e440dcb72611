"""What is recorded of a request that is passed on as it arrives: its bytes up to a bound; of a longer one size and digest."""

from hashlib import sha256

from django.conf import settings

from proxy.relay.spool.record import Entry
from proxy.relay.spool.segments import REQUEST
from proxy.relay.spool.spool import Spool


class UploadRecord:
    """`size` is bytes so far. Storage trouble neither fails nor delays the request."""

    def __init__(self, spool: Spool | None, entry: Entry | None, announced: int | None) -> None:
        self.size = 0
        self._spool = spool
        self._entry = entry
        self._bound = self.bound()
        self._sha256 = sha256()
        self._dropped = False
        # What is known to be too long from the beginning takes no room on the disk.
        self.not_kept = announced is not None and announced > self._bound

    @staticmethod
    def bound() -> int:
        """How many bytes a request may have to be recorded with its body."""
        bound: int = settings.UPLOADS_MAX_RECORDED_BYTES
        return bound

    def feed(self, chunk: bytes) -> None:
        """The next bytes."""
        self.size += len(chunk)
        if self._spool is None or self._entry is None:
            return
        self._sha256.update(chunk)
        if not self._dropped:
            self.not_kept = self.not_kept or self.size > self._bound
        if not (self.not_kept or self._dropped):
            self._dropped = not self._spool.append(self._entry, chunk, REQUEST)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of what has come, b"" where the bytes themselves are recorded."""
        return self._sha256.digest() if self.not_kept else b""
