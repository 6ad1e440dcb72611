"""What the frame of every page shows."""

from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.http import HttpRequest

from accounts.credentials import folder as credential_folder
from accounts.models import Credential
from accounts.snapshot import exposure
from accounts.snapshot.exposure import Exposure
from dashboard import reading
from dashboard.access.signin import HtmxRequest
from dashboard.pages import navigation, registry


def shell(request: HttpRequest) -> dict[str, object]:
    """What a page extends, the page and the navigation, the proxy's address for clients, and what an operator has to know."""
    # Asked for only where it is shown: the page that refuses a foreign host must not look at the host again.
    return {
        "base": lambda: "dashboard/fragment.html" if _wants_fragment(request) else "dashboard/base.html",
        "here": registry.page_of(request),
        "navigation": lambda: navigation.groups(request),
        "proxy_address": lambda: proxy_address(request.get_host()),
        "storage_enabled": settings.STORAGE_ENABLED,
        "reporting_zone": settings.REPORTING_TIME_ZONE,
        "exposure": _exposure,
        "needs_login": _needs_login,
    }


def _wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx puts it into a page: what it restores from a browser's history is a whole one."""
    htmx = cast(HtmxRequest, request).htmx
    return bool(htmx) and not htmx.history_restore_request


def _exposure() -> Exposure:
    """Nothing while the database is away: a page that can do without it is not to fail for this."""
    try:
        return Exposure() if reading.is_bound() else exposure.now()
    except DatabaseFailure:
        return Exposure()


def _needs_login() -> list[str]:
    """The credentials that wait for somebody to sign in, rows and then files; who is bound to domains is not whom they wait for."""
    if reading.is_bound():
        return []
    return [*_rows_without_login(), *(path.name for path in credential_folder.needing_login())]


def _rows_without_login() -> list[str]:
    try:
        waiting = Credential.objects.filter(state=Credential.State.NEEDS_LOGIN, enabled=True).order_by(
            "domain__name"
        )
        return [f"{name} ({domain})" for name, domain in waiting.values_list("name", "domain__name")]
    except DatabaseFailure:
        return []


def proxy_address(host: str) -> str:
    """The proxy beside this dashboard: the same host, on PROXY_PORT."""
    name = urlsplit(f"//{host}").hostname or "localhost"
    return f"http://[{name}]:{settings.PROXY_PORT}" if ":" in name else f"http://{name}:{settings.PROXY_PORT}"
