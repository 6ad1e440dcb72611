"""`manage.py check --deploy`: whether stored costs are what the prices of today say, and no model lacks one."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning, register
from django.db import Error as DatabaseFailure
from django.template.defaultfilters import pluralize

from proxy.store.ingest import unpriced
from proxy.store.models import UnpricedModel
from proxy.store.pricing import age
from proxy.store.pricing.pending import ACTION, named, pending

PRICE_IT = f"{age.ACTION}; then run `manage.py reprice`. See docs/prices.md."


@register("prices", deploy=True)
def costs(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """proxy.W001: costs are out of date; W002: models without a price. Nothing where the database does not answer."""
    warnings: list[CheckMessage] = []
    try:
        if left := pending():
            warnings.append(Warning(left.sentence, hint=ACTION, id="proxy.W001"))
        models = list(UnpricedModel.objects.filter(closed_at=None).values_list("model", flat=True))
        if models:
            count = unpriced.waiting()
            are = pluralize(count, "is,are")
            message = f"No price for {named(models)}: {count:,} request{pluralize(count)} {are} in no cost. {age.sentence()}"
            warnings.append(Warning(message.strip(), hint=PRICE_IT, id="proxy.W002"))
    except DatabaseFailure:
        return []  # accounts.W003 says so where it matters
    return warnings
