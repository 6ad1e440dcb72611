"""Bring the price table up to what this version ships; done after each `migrate`."""

import logging

from django.db import transaction
from django.utils import timezone

from proxy.price_file import shipped
from proxy.store.models import Exchange, Price, Repricing
from proxy.store.pricing import reconcile

log = logging.getLogger("nexus.prices")


def run() -> reconcile.Plan:
    """Add new prices, withdraw wrong ones of its own; an operator's stay, which the log says."""
    rows = shipped()
    with transaction.atomic():
        plan = reconcile.upgrade_plan(rows, Price.objects.select_for_update(), timezone.now())
        reconcile.apply(plan, shipped=rows)
        _nothing_to_reprice()
    counts = {"added": len(plan.add), "changed": len(plan.edit), "withdrawn": len(plan.withdraw)}
    if any(counts.values()):
        log.info("prices.upgraded", extra=counts)
    if plan.kept:
        models = sorted({row.model for row in plan.kept})
        log.warning(
            "prices.operator_kept",
            extra={"models": models, "action": "compare them with `manage.py prices --compare`"},
        )
    return plan


def _nothing_to_reprice() -> None:
    """A database without an exchange has no cost by an older price."""
    if not Exchange.objects.exists() and not Repricing.objects.exists():
        now = timezone.now()
        Repricing.objects.create(began_at=now, ended_at=now)
