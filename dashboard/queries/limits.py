"""The limits of a filter, and how much of them is used."""

from django.db.models import Q

from accounts.limits import use
from accounts.limits.use import Overview
from accounts.models import Domain
from accounts.models.limits import Limit
from dashboard.filters.filter import Filter
from dashboard.queries.client_keys import keys_called

SERVED = ("domain", "clientKey")


def overview(chosen: Filter) -> Overview:
    """How much is used of the limits of these domains and client keys; of a domain's keys too where a domain is asked for."""
    limits = Limit.objects.in_force()
    if chosen.domain:
        named = Domain.objects.filter(name=chosen.domain)
        domains = named if named.exists() else Domain.objects.filter(name__contains=chosen.domain)
        limits = limits.filter(Q(domain__in=domains) | Q(client_key__domain__in=domains))
    if chosen.client_key:
        limits = limits.filter(client_key__in=keys_called(chosen.client_key))
    return use.overview(limits)
