"""Rows that the reader may see: the one place that narrows, and the only one that asks a table (tests/dashboard/access).

A wildcard is resolved to the domains that are known, so that indexes and sums serve; who sees every domain pays nothing.
"""

import time
from collections.abc import Iterable, Mapping
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from accounts.models import ClientKey, Domain
from dashboard import reading
from dashboard.reading import names_for_domain
from proxy.store.models import DomainTotal

Row = TypeVar("Row", bound=Model)

KEPT_SECONDS = 5.0
# Where a row says its domain, if not in the column `domain`.
_PATHS: Mapping[type[Model], str] = {Domain: "name"}
_kept: tuple[float, tuple[str, ...]] = (0.0, ())


def rows(model: type[Row]) -> QuerySet[Row]:
    """Those of the reader's domains. Raises NobodyReads."""
    if model is ClientKey:
        return model._default_manager.filter(_opening())
    return model._default_manager.filter(of_domains(_PATHS.get(model, "domain")))


def of_domains(path: str) -> Q:
    """The same as a condition on the column that says the domain."""
    found = domains()
    if found is None:
        return Q()
    return Q(**{path: found[0]}) if len(found) == 1 else Q(**{f"{path}__in": found})


def _opening() -> Q:
    """Client keys that open any of the reader's domains, those of wildcards too: such traffic names them."""
    found = domains()
    if found is None:
        return Q()
    return Q(domain__name__in=sorted({name for domain in found for name in names_for_domain(domain)}))


def whole(model: type[Row]) -> QuerySet[Row]:
    """Every row: for what is of no domain, and for what is reached from rows that were narrowed. Say which at the call."""
    reading.reader()
    return model._default_manager.all()


def domains() -> tuple[str, ...] | None:
    """The known domains of the reader, and those that they are bound to by name; None for all."""
    reader = reading.reader()
    if reader.patterns is None:
        return None
    return tuple(sorted({*reader.patterns, *filter(reader.sees, _known())}))


def among(names: Iterable[str]) -> list[str]:
    """Those of these domains that the reader sees."""
    return [name for name in names if reading.reader().sees(name)]


def forget() -> None:
    """Ask anew which domains there are."""
    global _kept
    _kept = (0.0, ())


def _known() -> tuple[str, ...]:
    """All that have traffic or credentials, as of a few seconds ago."""
    global _kept
    asked_at, names = _kept
    if time.monotonic() - asked_at > KEPT_SECONDS or not names:
        traffic = DomainTotal.objects.values_list("domain", flat=True)
        _kept = (time.monotonic(), (*traffic, *Domain.objects.values_list("name", flat=True)))
    return _kept[1]
