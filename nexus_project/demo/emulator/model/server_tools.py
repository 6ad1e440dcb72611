"""The web tools that run at the API: a search, a fetch, and a text that cites what was found."""

import random

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.emulator.api.ids import new_id, new_seal
from nexus_project.demo.emulator.model import corpus

KINDS = ("web_search", "web_fetch")
SITES = ("https://docs.example.org/changes", "https://status.example.net/history")


def offered(request: Json) -> list[str]:
    """Return which of the web tools a request offers; the model uses each of them once."""
    types = [str(tool.get("type")) for tool in request.get("tools") or ()]
    return [kind for kind in KINDS if any(type_.startswith(f"{kind}_") for type_ in types)]


def used(kind: str, question: str, source: random.Random) -> list[Json]:
    """Return a call and its result."""
    call_id = new_id("srvtoolu")
    asked = {"query": question[:60] or "release notes"} if kind == "web_search" else {"url": SITES[0]}
    found = _hits() if kind == "web_search" else _page(source)
    return [
        {"type": "server_tool_use", "id": call_id, "name": kind, "input": asked},
        {"type": f"{kind}_tool_result", "tool_use_id": call_id, "content": found},
    ]


def cited(question: str, source: random.Random) -> Json:
    """Return a text that cites a page."""
    citation = {
        "type": "web_search_result_location",
        "cited_text": source.choice(corpus.TOPICS).sentences[0],
        "url": SITES[0],
        "title": _host(SITES[0]),
        "encrypted_index": new_seal("Eo8", 40),
    }
    return {"type": "text", "text": corpus.reply_text(question, source), "citations": [citation]}


def _hits() -> list[Json]:
    return [
        {
            "type": "web_search_result",
            "title": _host(site),
            "url": site,
            "encrypted_content": new_seal("Eoo", 60),
            "page_age": "3 days ago",
        }
        for site in SITES
    ]


def _page(source: random.Random) -> Json:
    text = " ".join(source.choice(corpus.TOPICS).sentences)
    return {
        "type": "web_fetch_result",
        "url": SITES[0],
        "retrieved_at": "2026-11-20T08:00:00Z",
        "content": {
            "type": "document",
            "title": _host(SITES[0]),
            "source": {"type": "text", "media_type": "text/plain", "data": text},
            "citations": None,
        },
    }


def _host(address: str) -> str:
    return address.split("/")[2]
