from django.apps import AppConfig


class RelayConfig(AppConfig):
    """The proxy's own way; it has no tables."""

    name = "proxy.relay"
    verbose_name = "Relay"

    def ready(self) -> None:
        import proxy.relay.checks  # noqa: F401 - it registers itself
