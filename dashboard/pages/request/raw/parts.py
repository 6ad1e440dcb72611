"""Parts of a body that the page reads on demand: members of a place, a piece of a long text, what holds a word, all as text."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.pages.request.contents import MAX_UNFOLDED, RequestPage
from dashboard.transcript import bodies, json_tree
from dashboard.transcript.json_tree import Node, NoSuchPlaceError
from proxy.wire.lenient import parse

SIDES = ("request", "response", "message")


@dataclass(frozen=True, slots=True)
class Side:
    """A body on its page: `value` is None where it is no JSON; `message` is what a stream was put together to."""

    name: str
    value: object
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def is_short(self) -> bool:
        """Whether the page has all of it at once."""
        return len(self.data) <= MAX_UNFOLDED

    def __bool__(self) -> bool:
        return bool(self.data) or self.value is not None

    def root(self) -> Node:
        """The beginning of its tree."""
        return json_tree.tree(self.value)

    def text(self) -> bodies.Shown:
        """As text, indented where it is JSON."""
        return bodies.shown(self.data) if self.value is None or self.data else bodies.shown_value(self.value)


def side_of(page: RequestPage, name: str) -> Side:
    """One body of a request."""
    if name == "message":
        return Side(name, page.message, b"")
    data = page.request if name == "request" else page.response_body
    return Side(name, parse(data) if data.lstrip()[:1] in (b"{", b"[") else None, data)


def part(request: HttpRequest, page: RequestPage) -> HttpResponse:
    """`side` is a body; `at` a place in it and `from` where to go on there; `find` words to look for; `as` text for all of it."""
    name = request.GET.get("side", "")
    if name not in SIDES:
        raise Http404("There is no such side of a request.")
    side = side_of(page, name)
    if request.GET.get("as") == "text":
        return render(request, "request/raw/text.html", {"side": name, "shown": side.text()})
    if "find" in request.GET:
        words = request.GET["find"].strip()[:200]
        found, is_all = json_tree.search(side.value, words)
        return render(
            request,
            "request/raw/found.html",
            {"nodes": found, "is_all": is_all, "side": name, "words": words},
        )
    return render(request, "request/raw/members.html", _members(request, side))


def _members(request: HttpRequest, side: Side) -> dict[str, object]:
    start = request.GET.get("from", "0")
    begin = int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 0
    try:
        place = json_tree.find(side.value, request.GET.get("at", ""))
    except NoSuchPlaceError as error:
        raise Http404("There is no such place in this body.") from error
    context: dict[str, object] = {"side": side.name, "pointer": place.pointer}
    if isinstance(place.value, str):
        text, more = json_tree.piece(place, begin)
        return context | {"text": text, "nodes": [], "more": more}
    nodes, more = json_tree.children(place, begin)
    return context | {"nodes": nodes, "more": more, "text": ""}
