"""The navigation of every page, of the admin and of the API docs: the registry's entries by group, and where the reader is."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from dashboard import reading
from dashboard.pages import registry


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the navigation; `key` opens it after "g"."""

    title: str
    address: str
    key: str = ""
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that stand together under a name that screen readers say."""

    name: str
    entries: tuple[Entry, ...]


def groups(request: HttpRequest) -> list[Group]:
    """All that have entries, in their order."""
    return [Group(name, entries) for name, entries in _found(request) if entries]


def _found(request: HttpRequest) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    here = registry.page_of(request)
    place = here.place if here else ""
    for group in registry.Group:
        pages = [page for page in registry.NAVIGATION if page.group is group and _is_open(page)]
        yield (
            group.value,
            tuple(Entry(page.title, reverse(page.name), page.key, page.name == place) for page in pages),
        )
    yield "Nexus", tuple(_beside_the_pages(request))


def _is_open(page: registry.Page) -> bool:
    """Whether its reader would not be refused for the domains that they are bound to."""
    return not reading.is_bound() or page.is_narrowed


def _beside_the_pages(request: HttpRequest) -> Iterator[Entry]:
    for title, name in (("Admin", "admin:index"), ("API docs", "api:openapi-view")):
        address = reverse(name)
        if name != "admin:index" or (request.user.is_staff and not reading.is_bound()):
            yield Entry(title, address, is_here=request.path.startswith(address))
