"""The limits of a filter, and how much of them is used."""

from dataclasses import replace
from typing import cast

from django.db.models import Q

from accounts.limits import use
from accounts.limits.use import Overview
from accounts.models import Domain
from accounts.models.limits import Limit, LimitQuerySet
from dashboard import reading
from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.client_keys import keys_called

SERVED = ("domain", "clientKey")


def overview(chosen: Filter) -> Overview:
    """How much is used of the limits of these domains and client keys; of a domain's keys too where a domain is asked for.

    The organisation's are for who sees every domain, as what passed unchecked is.
    """
    # Each is of a domain, of a key of a domain, or of the organisation.
    limits = cast(LimitQuerySet, narrowed.whole(Limit)).in_force()
    own = narrowed.rows(Domain)
    if reading.reader().is_bound:
        limits = _of(limits, own.values("pk"))
    if chosen.domain:
        named = own.filter(name=chosen.domain)
        limits = _of(
            limits, (named if named.exists() else own.filter(name__contains=chosen.domain)).values("pk")
        )
    if chosen.client_key:
        limits = limits.filter(client_key__in=keys_called(chosen.client_key))
    found = use.overview(limits)
    return replace(found, unchecked=reading.for_all_domains(lambda: found.unchecked))


def _of(limits: LimitQuerySet, domains: object) -> LimitQuerySet:
    return limits.filter(Q(domain__in=domains) | Q(client_key__domain__in=domains))
