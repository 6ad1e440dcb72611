"""Chunks of a body (RFC 9112 §7.1) as Nexus writes them: the length in lower-case hex, no zeros before it, no extension."""

# Up to four digits: a chunk of less than 64 KiB.
_LENGTH_ENDS_BEFORE = 6


def chunk_of(data: bytes) -> bytes:
    """`data`, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def data_of(chunk: bytes) -> bytes:
    """What is in a whole chunk of less than 64 KiB; b"" where the bytes are anything else, or not as Nexus would write them."""
    start = chunk.find(b"\r\n", 1, _LENGTH_ENDS_BEFORE) + 2
    length = len(chunk) - start - 2
    if length > 0 and chunk.startswith(b"%x\r\n" % length) and chunk.endswith(b"\r\n"):
        return chunk[start:-2]
    return b""
