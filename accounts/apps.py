from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who may pass, and with which key."""

    name = "accounts"
    verbose_name = "Access"

    def ready(self) -> None:
        import accounts.checks  # noqa: F401 - it registers itself, and needs the models
