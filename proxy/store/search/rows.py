"""A turn's row for search: the numbers of its terms, and its texts compressed and sealed as bodies are."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from uuid import UUID

import msgspec
import zstandard
from django.conf import settings

from proxy.conversations.search.hashing import Hasher
from proxy.conversations.search.new_text import Part
from proxy.store.bodies.blobs import ChunkWriter
from proxy.store.bodies.compression import compress
from proxy.store.bodies.encryption import MonthSeal, Seal, is_sealed
from proxy.store.conversations.turns import NewTurn
from proxy.store.models import SearchText, month_of
from proxy.store.postgres.rows import new_row

_LABEL = b"search text "
# What a month's numbers are made under; without encryption it is the same for all.
_KEY_OF = b"nexus search terms"

_decode = msgspec.msgpack.Decoder(list[Part]).decode


def text_rows(turns: Iterable[NewTurn], writer: ChunkWriter) -> list[SearchText]:
    """A row, not yet saved, for each turn that says anything, sealed as `writer` seals bodies; none with search off."""
    if not settings.SEARCH_ENABLED:
        return []
    return [
        text_row(
            new.turn.id, new.turn.domain, new.turn.conversation, new.said, writer.seal_of(_month(new.turn.id))
        )
        for new in turns
        if new.said
    ]


def text_row(
    exchange_id: UUID, domain: str, conversation: UUID, parts: Sequence[Part], seal: Seal
) -> SearchText:
    """The row of a turn, not yet saved."""
    return new_row(
        SearchText,
        id=exchange_id,
        domain=domain,
        conversation=conversation,
        terms=hasher_of(seal).of_texts(part.text for part in parts),
        text=seal.close(compress(msgspec.msgpack.encode(list(parts))), _label(exchange_id)),
    )


def read_text(exchange_id: UUID, data: bytes, seal: MonthSeal | None) -> list[Part]:
    """The texts of a row. Raises BrokenSeal, ZstdError or MsgspecError where it is damaged."""
    plain = seal.open(data, _label(exchange_id)) if seal and is_sealed(data) else data
    return _decode(zstandard.ZstdDecompressor().decompress(plain))


def hasher_of(seal: Seal) -> Hasher:
    """What makes numbers of the terms of rows under this seal."""
    return _hasher(seal.digest(_KEY_OF))


@lru_cache(maxsize=8)
def _hasher(key: bytes) -> Hasher:
    return Hasher(key)


def _month(exchange_id: UUID) -> date:
    return month_of(exchange_id).date()


def _label(exchange_id: UUID) -> bytes:
    return _LABEL + exchange_id.bytes
