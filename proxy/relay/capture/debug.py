"""DEBUG=true: whole requests, answers and each chunk in the log, with every credential masked."""

import logging

from django.conf import settings

from accounts.secrets.masking import mask_text
from proxy.record import Head
from proxy.relay.capture.exchange import Exchange

log = logging.getLogger("nexus.debug")

LONGEST_HELD = 64 * 1024


def request(exchange: Exchange, head: Head, body: bytes) -> None:
    """The request as it came in."""
    if settings.DEBUG:
        text = mask_text(body.decode("utf-8", "replace"))
        log.debug(
            "request",
            extra={
                "exchange": exchange.id,
                "line": f"{head.method} {head.target}",
                "headers": head.headers,
                "body": text,
            },
        )


def response(exchange: Exchange) -> None:
    """The head of the answer."""
    if settings.DEBUG:
        log.debug(
            "answer", extra={"exchange": exchange.id, "status": exchange.status, "headers": exchange.headers}
        )


def chunks(exchange: Exchange) -> "Chunks | None":
    """Where the pieces of its answer go, None where nobody wants to see them."""
    return Chunks(exchange) if settings.DEBUG else None


class Chunks:
    """The pieces of one answer. What follows the last line's end is held back: the network may cut a credential in two there."""

    def __init__(self, exchange: Exchange) -> None:
        self._id = exchange.id
        self._held = b""

    def add(self, data: bytes) -> None:
        """Log a piece, with what was held back before it."""
        text = self._held + data
        cut = text.rfind(b"\n") + 1 or max(0, len(text) - LONGEST_HELD)
        self._held = text[cut:]
        self._log(text[:cut], len(data))

    def end(self) -> None:
        """Log the rest."""
        if self._held:
            self._log(self._held, 0)

    def _log(self, text: bytes, size: int) -> None:
        masked = mask_text(text.decode("utf-8", "replace"))
        log.debug("chunk", extra={"exchange": self._id, "bytes": size, "chunk": masked})
