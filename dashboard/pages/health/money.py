"""What costs are made of, and what ends soon: prices, models without one, batches; client keys and tokens near their end."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import ClientKey, Credential
from dashboard.filters.filter import Filter
from dashboard.pages.health.checks import Check, Section, State, good_if
from dashboard.queries import narrowed
from dashboard.queries.batches import RESULTS_KEPT, waiting
from dashboard.queries.unpriced import unpriced_models
from dashboard.templatetags.nexus import grouped, local
from proxy.store.models import MessageBatch
from proxy.store.pricing import age

OLD_DAYS = 120
SOON = timedelta(days=14)
_SHOWN = 5


def costs() -> Section:
    """Prices and what has none."""
    return Section("costs", "Prices and batches", [*_unpriced(), _age(), *_batches()])


def _unpriced() -> Iterator[Check]:
    found = unpriced_models()
    if found is None:
        yield Check("Models without a price", "none", State.GOOD)
        return
    names = ", ".join(found.models[:_SHOWN])
    to_do = f"Add their prices in the admin: {names}. Then compute what they cost:"
    value = f"{len(found.models)}, {grouped(found.exchanges)} requests"
    yield Check("Models without a price", value, State.BAD, to_do, "manage.py reprice")


def _age() -> Check:
    read_on = age.read_on()
    if read_on is None:
        return Check("Prices of this version", "none in use")
    days = (timezone.now().date() - read_on).days
    is_old = days > OLD_DAYS
    return Check(
        "Prices of this version",
        f"read on {read_on:%Y-%m-%d}, {grouped(days)} day{'' if days == 1 else 's'} ago",
        good_if(not is_old, State.WARN),
        "A newer version brings newer ones." if is_old else "",
    )


def _batches() -> Iterator[Check]:
    open_now = waiting(Filter())
    to_do = "Their cost is not known until somebody fetches their results through Nexus." if open_now else ""
    yield Check("Batches whose results wait", grouped(open_now), State.INFO, to_do)
    lost = (
        narrowed.whole(MessageBatch)
        .filter(counted_by=None, created_at__lte=timezone.now() - RESULTS_KEPT)
        .count()
    )
    yield Check("Batches that nobody fetched", grouped(lost), State.INFO)


def endings() -> Section:
    """What opens or pays nothing before long; certificates of the dashboard are with whoever ends TLS before it."""
    now = timezone.now()
    return Section("endings", "What ends soon", [_keys(now), _tokens(now)])


def _keys(now: datetime) -> Check:
    ending = narrowed.whole(ClientKey).filter(revoked_at=None, expires_at__gt=now, expires_at__lte=now + SOON)
    found = list(ending.order_by("expires_at").values_list("name", "domain__name", "expires_at")[:_SHOWN])
    if not found:
        return Check("Client keys", "none within 14 days", State.GOOD)
    named = "; ".join(f"{name} ({domain}) ends {local(at) if at else ''}" for name, domain, at in found)
    return Check(
        "Client keys", named, State.WARN, "Set another end in the admin, or give their users new keys."
    )


def _tokens(now: datetime) -> Check:
    """Those that nobody can refresh."""
    alone = narrowed.whole(Credential).filter(kind=Credential.Kind.OAUTH, enabled=True, refresh_token="")
    ending = alone.filter(expires_at__lte=now + SOON).order_by("expires_at")
    found = list(ending.values_list("name", "domain__name", "expires_at")[:_SHOWN])
    if not found:
        return Check("Tokens without a refresh", "none within 14 days", State.GOOD)
    named = "; ".join(f"{name} ({domain}) ends {local(at) if at else ''}" for name, domain, at in found)
    return Check("Tokens without a refresh", named, State.WARN, "Sign in again: Credentials, in the admin.")
