"""Trees of what made-up clients sent, by the places in which they sent it."""

import random
from uuid import UUID

from proxy.conversations.tree import Place, Tree, tree_of
from tests.conversations.clients import Sent, turn_of


def built(sent: list[Sent], shuffle: int | None = None) -> Tree:
    pairs = [turn_of(exchange) for exchange in sent]
    if shuffle is not None:
        random.Random(shuffle).shuffle(pairs)
    conversation = min((turn for turn, _ in pairs), key=lambda turn: turn.id).conversation
    return tree_of(
        conversation, [turn for turn, _ in pairs], [offer for _, offers in pairs for offer in offers]
    )


def places(sent: list[Sent]) -> dict[int, Place]:
    by_id = {exchange.id: exchange.place for exchange in sent}
    return {by_id[place.id]: place for place in built(sent).places}


def parents(sent: list[Sent]) -> dict[int, int | None]:
    by_id: dict[UUID | None, int | None] = {exchange.id: exchange.place for exchange in sent}
    by_id[None] = None
    return {place: by_id[found.parent] for place, found in places(sent).items()}


def truth(sent: list[Sent]) -> dict[int, int | None]:
    return {exchange.place: exchange.parent for exchange in sent}
