"""DEBUG=true: whole requests, answers and each chunk in the log, with every credential masked."""

import logging

from django.conf import settings

from accounts.masking import mask_text
from proxy.record import Head
from proxy.relay.exchange import Exchange

log = logging.getLogger("nexus.debug")


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


def answer(exchange: Exchange) -> None:
    """The head of the answer."""
    if settings.DEBUG:
        log.debug(
            "answer", extra={"exchange": exchange.id, "status": exchange.status, "headers": exchange.headers}
        )


def chunk(exchange: Exchange, data: bytes) -> None:
    """One piece of the answer."""
    if settings.DEBUG:
        log.debug(
            "chunk",
            extra={
                "exchange": exchange.id,
                "bytes": len(data),
                "chunk": mask_text(data.decode("utf-8", "replace")),
            },
        )
