"""The body of an answer, as it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import httpx

from proxy.relay.call import Call

# A client that does not read has one of these in the proxy, beside the sockets' own buffers.
PIECE_BYTES = 64 * 1024


class AnswerBytes(httpx.AsyncByteStream):
    """The body's bytes as the network gives them; raises httpx.ReadError when upstream breaks off."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._content = call.content
        self._taker: Callable[[bytes], bool] | None = None
        self._waiter: asyncio.Future[bytes] | None = None
        if not call.whole:
            call.link.listener = self._arrived

    def hand_to(self, taker: Callable[[bytes], bool]) -> None:
        """Give `taker` what comes while `read` waits, without waking its task: all but the last piece, until it returns False."""
        self._taker = taker

    async def read(self) -> bytes:
        """What has come so far, up to PIECE_BYTES; b"" at the end."""
        content = self._content
        try:
            while not (piece := content.read_nowait(PIECE_BYTES)) and not content.at_eof():
                if piece := await self._wait():
                    break
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise httpx.ReadError(str(error) or type(error).__name__) from error
        return piece

    async def _wait(self) -> bytes:
        """Until something came: the piece that the taker did not take, b"" where `read` has to look."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _arrived(self) -> None:
        waiter, content = self._waiter, self._content
        if waiter is None or waiter.done():
            return
        if self._taker is None or content.is_eof() or content.exception():
            waiter.set_result(b"")
            return
        self._waiter = None  # reading can call this again
        try:
            while piece := content.read_nowait(PIECE_BYTES):
                if content.is_eof() or not self._taker(piece):
                    waiter.set_result(piece)
                    return
        except Exception as error:  # it belongs to the task
            waiter.set_exception(error)
            return
        self._waiter = waiter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read():
            yield chunk

    @property
    def ended(self) -> bool:
        """Whether the last byte has been handed out."""
        return self._content.at_eof()

    def close(self) -> None:
        """Nothing more is wanted: upstream must stop at once."""
        if self._call.link.listener == self._arrived:
            self._call.link.listener = None
        self._call.close()
