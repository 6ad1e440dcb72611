"""What fills the context of a turn, in the API."""

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from ninja import Field

from accounts.secrets.masking import mask_text
from dashboard.api.shapes.camel import CamelSchema
from dashboard.queries.makeup import Filled
from proxy.conversations.findings.context_makeup import Content, Share


class ContextShare(CamelSchema):
    """A part of the prompt."""

    content: Content
    server: str | None = Field(description="The MCP server whose tools these are")
    bytes: int = Field(description="In the request")
    tokens: int


class AddedContext(CamelSchema):
    """What a turn has more than `parentId`; `tokens` is exact, and below zero after a compaction."""

    parent_id: UUID
    tokens: int
    certainty: Literal["exact", "estimate"] = Field(description="Of the shares")
    shares: list[ContextShare] = Field(description="Empty below 1,000 tokens")


class ContextMakeup(CamelSchema):
    """`totalTokens` is the API's own count, and the shares add up to it."""

    total_tokens: int
    certainty: Literal["exact", "estimate"] = Field(description="Of the shares")
    shares: list[ContextShare]
    added: AddedContext | None = Field(description="null where it goes on from no other turn")


def context_makeup(filled: Filled) -> ContextMakeup | None:
    """None where nothing is estimated."""
    if filled.why:
        return None
    return ContextMakeup(
        total_tokens=filled.makeup.total_tokens,
        certainty=_certainty(filled.makeup.certainty),
        shares=_shares(filled.makeup.shares),
        added=_added(filled),
    )


def _added(filled: Filled) -> AddedContext | None:
    if filled.parent is None or filled.added is None:
        return None
    return AddedContext(
        parent_id=filled.parent.id,
        tokens=filled.added.total_tokens,
        certainty=_certainty(filled.added.certainty),
        shares=_shares(filled.added.shares),
    )


def _certainty(certainty: str) -> Literal["exact", "estimate"]:
    return "exact" if certainty == "exact" else "estimate"


def _shares(shares: Iterable[Share]) -> list[ContextShare]:
    """Those whose tokens are known."""
    return [
        ContextShare(
            content=share.what.content,
            server=mask_text(share.what.server) or None,
            bytes=share.bytes,
            tokens=share.tokens,
        )
        for share in shares
        if share.tokens is not None
    ]
