from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who may pass, and with which key."""

    name = "accounts"
    verbose_name = "Access"
