"""Which pieces make up a request, written as what differs from the request before it.

An agent's request has most pieces of the one before: the same beginning, and the same tools at its end. A manifest holds only
what lies between, and the parent whose first and last pieces go around it. Parents are of the same month, so that months are
dropped on their own, and a chain ends after MAX_LINKS.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.db import connection

from proxy.store.models import Exchange, ExchangeBody, id_floor, month_of

MAX_LINKS = 16
# Bytes of a piece's digest: SHA-256, cut short. A body's own digest, all 32 bytes, is what says that it is whole.
DIGEST_SIZE = 16

# Among the last exchanges of a session only, or a model that it never asked would be searched for in all of them.
_NEWEST = """
SELECT wanted.place, newest.id
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::uuid[])
    WITH ORDINALITY AS wanted (session_id, domain, agent_id, model, month, next, place),
LATERAL (
    SELECT recent.id FROM (
        SELECT id, domain, agent_id, model FROM proxy_exchange AS exchange
        WHERE exchange.session_id = wanted.session_id AND exchange.session_id <> ''
            AND exchange.id >= wanted.month AND exchange.id < wanted.next
        ORDER BY exchange.id DESC LIMIT 64
    ) AS recent
    WHERE (recent.domain, recent.agent_id, recent.model) = (wanted.domain, wanted.agent_id, wanted.model)
    ORDER BY recent.id DESC LIMIT 1
) AS newest
"""
_CHAINS = """
WITH RECURSIVE start (place, id) AS ({start}), chain AS (
    SELECT place, 0 AS links, id, parent, parent_first, parent_last, request_manifest
    FROM start JOIN proxy_exchangebody USING (id)
    UNION ALL
    SELECT place, links + 1, body.id, body.parent, body.parent_first, body.parent_last, body.request_manifest
    FROM chain JOIN proxy_exchangebody AS body ON body.id = chain.parent WHERE links < %s
)
SELECT place, id, parent, parent_first, parent_last, request_manifest FROM chain ORDER BY place, links DESC
"""

_EACH = "SELECT place, id FROM unnest(%s::uuid[]) WITH ORDINALITY AS wanted (id, place)"

Parameters = Sequence[UUID | list[str] | list[UUID]]
Row = tuple[int, UUID, UUID | None, int, int, bytes]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A request's pieces by their digests, in order, and how many other rows its own needs to be read."""

    exchange_id: UUID
    chunks: Sequence[bytes]
    links: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Exchanges whose requests follow each other, as far as that is known without their messages."""

    session_id: str
    domain: str
    agent_id: str
    model: str
    month: datetime


def line_of(exchange: Exchange) -> Line:
    """The line that an exchange belongs to."""
    return Line(
        exchange.session_id, exchange.domain, exchange.agent_id, exchange.model, month_of(exchange.id)
    )


class Lines:
    """The manifest that each line has reached, from the database and from the batch that is being stored."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        """What was stored before the first of these exchanges, which are in the order of their ids, in each line."""
        first: dict[Line, UUID] = {}
        for exchange in exchanges:
            if exchange.session_id:
                first.setdefault(line_of(exchange), exchange.id)
        self._newest = _newest(first)

    def write(self, exchange: Exchange, chunks: Sequence[bytes], row: ExchangeBody) -> None:
        """Put the manifest of an exchange into its row."""
        line = line_of(exchange)
        parent = self._newest.get(line)
        first, last = common(chunks, parent.chunks) if parent and parent.links < MAX_LINKS else (0, 0)
        links = 0
        # The parent's id is as long as one digest.
        if parent and first + last > 1:
            links = parent.links + 1
            row.parent, row.parent_first, row.parent_last = parent.exchange_id, first, last
            row.request_manifest = b"".join(chunks[first : len(chunks) - last])
        else:
            row.parent, row.parent_first, row.parent_last = None, 0, 0
            row.request_manifest = b"".join(chunks)
        if exchange.session_id and chunks:
            self._newest[line] = Manifest(exchange.id, chunks, links)


def common(chunks: Sequence[bytes], others: Sequence[bytes]) -> tuple[int, int]:
    """How many pieces two requests share at their beginning, and of the others how many at their end."""
    shorter = min(len(chunks), len(others))
    first = next((position for position in range(shorter) if chunks[position] != others[position]), shorter)
    rest = shorter - first
    last = next(
        (position for position in range(rest) if chunks[-1 - position] != others[-1 - position]), rest
    )
    return first, last


def request_chunks(exchange_id: UUID) -> Sequence[bytes] | None:
    """The digests of a stored request's pieces; None if a row that its manifest needs is not there."""
    return requests_chunks([exchange_id]).get(exchange_id)


def requests_chunks(exchange_ids: Iterable[UUID]) -> dict[UUID, Sequence[bytes]]:
    """The same for many, by their ids; those whose manifest cannot be read are not in it."""
    found = _read(_EACH, [list(exchange_ids)])
    return {manifest.exchange_id: manifest.chunks for manifest in found.values()}


def split(manifest: bytes) -> list[bytes]:
    """The digests in a manifest that has no parent."""
    return [manifest[at : at + DIGEST_SIZE] for at in range(0, len(manifest), DIGEST_SIZE)]


def _newest(before: Mapping[Line, UUID]) -> dict[Line, Manifest]:
    wanted = list(before)
    if not wanted:
        return {}
    parameters: Parameters = [
        [request.session_id for request in wanted],
        [request.domain for request in wanted],
        [request.agent_id for request in wanted],
        [request.model for request in wanted],
        [id_floor(request.month) for request in wanted],
        list(before.values()),
    ]
    return {wanted[position - 1]: manifest for position, manifest in _read(_NEWEST, parameters).items()}


def _read(start: str, parameters: Parameters) -> dict[int, Manifest]:
    """The manifests of the exchanges that the query `start` gives with a number each, by that number."""
    with connection.cursor() as cursor:
        cursor.execute(_CHAINS.format(start=start), [*parameters, MAX_LINKS])
        rows: list[Row] = cursor.fetchall()
    chains = {position: list(chain) for position, chain in groupby(rows, key=lambda row: row[0])}
    return {position: _manifest(chain) for position, chain in chains.items() if chain[0][2] is None}


def _manifest(chain: Sequence[Row]) -> Manifest:
    """The manifest at the end of a chain that begins with a whole one."""
    chunks: list[bytes] = []
    for _, _, _, first, last, own in chain:
        chunks = chunks[:first] + split(bytes(own)) + chunks[len(chunks) - last :]
    return Manifest(chain[-1][1], chunks, len(chain) - 1)
