"""A file that is sent while it is made."""

import logging
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone

from dashboard import reading
from dashboard.connections import give_back
from dashboard.reading import Reader

log = logging.getLogger("nexus.dashboard")


def download(
    chunks: Iterator[bytes], broken_off: bytes, content_type: str, suffix: str
) -> StreamingHttpResponse:
    """The response, named for the moment in which it was asked for; `broken_off` ends one that could not be read to its end."""
    name = f"requests-{timezone.now():%Y%m%dT%H%M%SZ}.{suffix}"
    return StreamingHttpResponse(
        _sent(chunks, broken_off, reading.reader()),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _sent(chunks: Iterator[bytes], broken_off: bytes, reader: Reader) -> AsyncIterator[bytes]:
    """Each is made in the thread of the request once the one before it is sent, so a client that leaves ends it there."""

    def following() -> bytes | None:
        try:
            with reading.reads(reader):
                return next(chunks, None)
        finally:
            give_back()  # who reads slowly keeps nobody from it

    try:
        while (chunk := await sync_to_async(following)()) is not None:
            yield chunk
    except Exception:  # the outermost door: daphne cannot end a response that has begun
        log.exception("export.broken_off")
        yield broken_off
