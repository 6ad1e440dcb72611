"""The address of every page of the registry, for tests that are about all of them: a new page is in them by itself."""

from dashboard.access.signin import MANAGE_ACCESS
from dashboard.pages.registry import PAGES

_PARAMETERS = {"<uuid:exchange_id>": "{exchange}", "<str:name>": "{session}"}


def pages() -> dict[str, str]:
    """By the name of the page; what stands in braces is to be filled in. All that DASHBOARD_API_KEY opens, and need it."""
    return {page.name: _filled(page.address) for page in PAGES if page.permission not in ("", MANAGE_ACCESS)}


def _filled(address: str) -> str:
    for parameter, name in _PARAMETERS.items():
        address = address.replace(parameter, name)
    if "<" in address:
        raise LookupError(f"_PARAMETERS has nothing to put into /{address}")
    return f"/{address}"
