"""Every address of pages and API, from the two registries: a new one is in here by itself, with what the API declares of it.

What a page takes besides stands in `OF_PAGES`; a new parameter that opens other data belongs there.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from dashboard.api.registry import api
from tests import page_addresses
from tests.dashboard.narrowing.domains import WORD, Marked

# Of each page what else it shows, beside its bare address.
OF_PAGES: dict[str, tuple[str, ...]] = {
    "session": (
        "part=turns",
        "part=turn&turn={turn}",
        "part=table",
        "part=filling",
        "part=news",
        "show=failed",
    ),
    "sessions": ("sort=cost",),
    "overview": ("period=7d",),
    "live": ("part=names&session={name}&key={key}",),
    "requests": ("status=5xx", "sort=oldest"),
    "request": ("part=history", "part=position", "part=makeup", "view=raw", "view=headers"),
    "request_diff": ("against={turn}",),
    "search": (f"q={WORD}",),
    "usage": ("format=csv", "by=domain", "by=clientKey"),
    "explain": ("format=csv",),
    "performance": ("by=domain",),
}
# What an operation of the API needs, or does not say the values of.
GIVEN = {"q": WORD, "by": "domain", "metrics": "requests,costUsd", "metric": "requests"}
# Of what an operation lets one choose from, what opens other data.
CHOSEN = {"sort": (), "format": (), "by": ("account", "clientKey", "session")}
_PATHS = {"exchange_id": "exchange", "conversation_id": "conversation", "stop_id": "stop"}


def pages(known: Marked) -> Iterator[tuple[str, str]]:
    """The name of each page and its addresses."""
    for name, path in page_addresses.pages().items():
        for query in ("", *OF_PAGES.get(name, ())):
            yield name, _filled(f"{path}?{query}".rstrip("?"), known)


def operations(known: Marked) -> Iterator[tuple[str, str]]:
    """The path of each operation and its addresses, with each value of what it lets one choose from."""
    for path, methods in api.get_openapi_schema()["paths"].items():
        if "get" not in methods:
            continue
        parameters = {each["name"]: each for each in methods["get"].get("parameters", ())}
        needed = {
            name: GIVEN[name] for name, each in parameters.items() if each["required"] and name in GIVEN
        }
        address = _filled(path.replace("{side}", "request"), known)
        if "against" in parameters:
            needed["against"] = str(known.turn)
        for query in ({}, *_choices(parameters)):
            yield path, f"{address}?{urlencode(needed | query)}".rstrip("?")


def of_filter(path: str) -> set[str]:
    """The parameters of an operation."""
    return {each["name"] for each in api.get_openapi_schema()["paths"][path]["get"].get("parameters", ())}


def _choices(parameters: dict[str, Any]) -> Iterator[dict[str, str]]:
    for name, values in CHOSEN.items():
        if name in parameters:
            served = parameters[name]["schema"].get("enum", values)
            yield from ({name: value} for value in values or served if value in served)


def _filled(path: str, known: Marked) -> str:
    for name, field in _PATHS.items():
        path = path.replace(f"{{{name}}}", str(getattr(known, field)))
    path = path.replace("{name}", known.session).replace("{key}", known.key)
    others = {"{exchange}": known.exchange, "{session}": known.conversation, "{turn}": known.turn}
    for name, value in others.items():
        path = path.replace(name, str(value))
    return path
