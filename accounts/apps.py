from django.apps import AppConfig
from django.db.models.signals import post_migrate

from accounts.groups import make_groups


class AccountsConfig(AppConfig):
    """Who may pass, and with which key."""

    name = "accounts"
    verbose_name = "Access"

    def ready(self) -> None:
        import accounts.checks  # noqa: F401 - it registers itself, and needs the models

        post_migrate.connect(make_groups, dispatch_uid="accounts.groups")
