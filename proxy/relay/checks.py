"""`manage.py check` with the proxy's settings: what Django offers and the relay's handler would pass over."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def no_middleware(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """relay.E001: middleware that no request would meet."""
    if not settings.MIDDLEWARE:
        return []
    message = (
        f"The proxy's handler runs no middleware, and MIDDLEWARE names {', '.join(settings.MIDDLEWARE)}."
    )
    hint = "Do it in the view (proxy/relay/views.py), or in the handler for all views; see docs/against-the-grain.md."
    return [Error(message, hint=hint, id="relay.E001")]
