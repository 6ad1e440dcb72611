"""Store exchanges of other times and places, as they were. Nobody is told of them, and STORAGE_ENABLED makes no difference."""

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from proxy.store.bodies.traffic import Whole
from proxy.store.conversations import turns
from proxy.store.ingest import storing
from proxy.store.models import Exchange, Receipt

Blame = Callable[[Whole, Exception], None]


def store(wholes: Sequence[Whole], blame: Blame, *, sums: bool = True) -> list[Exchange]:
    """Those that are new, in one transaction. One that cannot be stored is handed to `blame`, and the others are stored.

    Without `sums` nothing is counted: they were, and their rows are gone.
    """
    try:
        return _store(wholes, sums=sums)
    except Exception as error:  # whatever one of them broke must not keep the others
        if not storing.blames_values(error):
            raise
        if len(wholes) == 1:
            blame(wholes[0], error)
            return []
    return [new for whole in wholes for new in store([whole], blame, sums=sums)]


def known(ids: Iterable[UUID]) -> set[UUID]:
    """Those that came before."""
    return set(Receipt.objects.filter(id__in=ids).values_list("id", flat=True))


def _store(wholes: Sequence[Whole], *, sums: bool) -> list[Exchange]:
    # The first of two with the same id, in whatever way they differ.
    by_id = {whole.exchange.id: whole for whole in reversed(wholes)}
    with storing.months_held(by_id, kept=True):
        new = [
            by_id[exchange_id]
            for exchange_id in storing.receive([_receipt(whole.exchange) for whole in by_id.values()])
        ]
        exchanges = [facts.exchange for facts in new]
        reader = turns.reader()
        storing.keep((whole, turns.turn_from(whole, reader)) for whole in new)
        if sums:
            storing.count(exchanges, kept=True)
            storing.count_spools(exchanges)
    return exchanges


def _receipt(exchange: Exchange) -> Receipt:
    return Receipt(id=exchange.id, spool=exchange.spool, serial=exchange.serial)
