from django.apps import AppConfig


class StoreConfig(AppConfig):
    """The record of all traffic. Its label is `proxy`, the package that owns it."""

    name = "proxy.store"
    label = "proxy"
    verbose_name = "Traffic"
