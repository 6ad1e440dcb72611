"""Look into a store as far as anybody could: through zstd, gzip, base64, hex and escapes, layer by layer."""

import base64
import binascii
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import redis
import zstandard
from psycopg import sql

from proxy.store.bodies.headers import unpack

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
ESCAPED = re.compile(rb"\\u00([0-7][0-9a-fA-F])")  # an ASCII character as JSON may write it
HEX = re.compile(rb"(?:[0-9a-f]{2}){24,}")


def layers(data: bytes, depth: int = 5) -> Iterator[bytes]:
    """The bytes themselves, and all that is packed within them."""
    yield data
    if not depth:
        return
    for inner in [*_unpacked(data), *_decoded(data)]:
        yield from layers(inner, depth - 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    at = data.find(ZSTD_MAGIC)
    while at >= 0:
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])
        except zstandard.ZstdError:
            pass
        at = data.find(ZSTD_MAGIC, at + 1)
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)


def _decoded(data: bytes) -> Iterator[bytes]:
    for found in BASE64.findall(data):
        text = found.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        try:
            decoded = base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue
        if ZSTD_MAGIC in decoded or decoded[:200].isascii():
            yield decoded
    for found in HEX.findall(data):
        yield bytes.fromhex(found.decode())
    if ESCAPED.search(data):
        yield ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)


def holds(data: bytes, needle: str) -> bool:
    """Whether the needle is anywhere within."""
    return any(needle.encode() in layer for layer in layers(data))


def database(address: str) -> bytes:
    """Every row of every table, in bytes."""
    parts: list[bytes] = []
    with psycopg.connect(address) as connection:
        tables = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname = 'public'"
        ).fetchall()
        for (table,) in tables:
            for row in connection.execute(
                sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
            ).fetchall():
                parts += [_bytes(value) for value in row]
        parts += _headers(connection)
    return b"\n".join(parts)


def _headers(connection: psycopg.Connection[tuple[Any, ...]]) -> list[bytes]:
    """Those that are compressed with a dictionary which can be read."""
    found = connection.execute(
        "SELECT body.headers, blob.data FROM proxy_exchangebody AS body"
        " JOIN proxy_blob AS blob ON blob.digest = body.headers_dictionary"
    ).fetchall()
    return [
        msgspec.json.encode(unpack(frame, zstandard.decompress(dictionary)))
        for frame, dictionary in found
        if dictionary.startswith(ZSTD_MAGIC)
    ]


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    if isinstance(value, list):
        return b"\n".join(_bytes(item) for item in value)
    return str(value).encode()


def redis_store(address: str) -> bytes:
    """Every key and value of every kind."""
    client = redis.Redis.from_url(address)
    parts: list[object] = []
    for key in client.scan_iter(count=1000):
        parts += [key, client.dump(key) or b""]
        kind = client.type(key)
        if kind == b"list":
            parts += client.lrange(key, 0, -1)
        elif kind == b"hash":
            parts += [item for pair in client.hgetall(key).items() for item in pair]
        elif kind == b"string":
            parts.append(client.get(key) or b"")
    client.close()
    return b"\n".join(_bytes(part) for part in parts)


def files(folder: Path) -> bytes:
    """Every file below a folder."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def files_named(folder: Path, pattern: str) -> bytes:
    """Every file of that name below a folder."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob(pattern)))
