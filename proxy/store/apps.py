from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate


class StoreConfig(AppConfig):
    """The record of all traffic. Its label is `proxy`, the package that owns it."""

    name = "proxy.store"
    label = "proxy"
    verbose_name = "Traffic"

    def ready(self) -> None:
        import proxy.store.checks  # noqa: F401 - it registers itself, and needs the models

        post_migrate.connect(_bring_prices_up_to_date, sender=self)
        post_migrate.connect(_let_sums_follow, sender=self)


def _bring_prices_up_to_date(using: str, apps: Apps = installed, **_: Any) -> None:
    """After each `migrate`, and after `flush`, which names no state: the table gets the prices that this version ships."""
    from proxy.store.models import Price  # models are there only now
    from proxy.store.pricing import upgrade

    columns, code = (
        {field.column for field in model._meta.local_fields}
        for model in (apps.get_model("proxy", "Price"), Price)
    )
    if using == DEFAULT_DB_ALIAS and columns == code:  # a migration to an earlier state has other columns
        upgrade.run()


def _let_sums_follow(using: str, **_: Any) -> None:
    """After each `migrate`, which may have brought a sum: what PostgreSQL adds up by itself gets it too."""
    from proxy.store.postgres import day_sums
    from proxy.store.sums import hours

    if using == DEFAULT_DB_ALIAS:
        day_sums.follow()
        hours.follow()
