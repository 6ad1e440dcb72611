"""What the model says to a request: the content of its message."""

import hashlib
import random
from dataclasses import dataclass

from nexus_project.demo.emulator import corpus, tokens, tools
from nexus_project.demo.emulator.call import Call, Json
from nexus_project.demo.emulator.ids import new_id
from nexus_project.demo.emulator.tokens import blocks_of

THINKING_ON = ("enabled", "adaptive")
CHARACTERS_PER_EVENT = 12
SITES = ("https://docs.example.org/changes", "https://status.example.net/history")


@dataclass(frozen=True, slots=True)
class Reply:
    """The content blocks of an answer, why it stopped, and the web searches that it took."""

    blocks: tuple[Json, ...]
    stop_reason: str
    searches: int = 0


def source_of(call: Call) -> random.Random:
    """Return randomness that depends on nothing but the request's body."""
    return random.Random(hashlib.sha256(call.entry.body).digest())


def compose(call: Call, source: random.Random) -> Reply:
    """Return the reply: thinking if asked, then tools if called for, else a text."""
    if call.directives.empty:
        return Reply((), "end_turn")
    question = last_question(call.json)
    blocks: list[Json] = []
    if call.directives.thinking or (call.json.get("thinking") or {}).get("type") in THINKING_ON:
        blocks.append(_thinking(source))
    names = call.directives.tools or _called_for(call.json, question)
    if names:
        blocks.append({"type": "text", "text": source.choice(corpus.BEFORE_TOOL)})
        blocks += [tools.tool_use(name, call.json, question, source) for name in names]
        return Reply(tuple(blocks), "tool_use")
    if any(str(tool.get("type")).startswith("web_search_") for tool in call.json.get("tools") or ()):
        return Reply((*blocks, *_searched(question, source)), "end_turn", searches=1)
    text = _text(call, question, source)
    # A text whose length was asked for is given whole, however few tokens the request allows.
    asked = call.directives.size is not None or call.directives.events
    room = len(text) if asked else call.json["max_tokens"] * tokens.BYTES_PER_TOKEN
    blocks.append({"type": "text", "text": text[:room]})
    return Reply(tuple(blocks), "max_tokens" if len(text) > room else "end_turn")


def last_question(request: Json) -> str:
    """Return the text of the last user message without its tool results."""
    texts = [
        " ".join(str(block.get("text", "")) for block in blocks_of(message.get("content")))
        for message in request["messages"]
        if message.get("role") == "user"
    ]
    return texts[-1].strip() if texts else ""


def _called_for(request: Json, question: str) -> list[str]:
    last = blocks_of(request["messages"][-1].get("content"))
    answered = any(block.get("type") == "tool_result" for block in last)
    return [] if answered else tools.wanted(request, question)


def _text(call: Call, question: str, source: random.Random) -> str:
    if call.directives.size is not None:
        return corpus.long_text(question, source, call.directives.size)
    if call.directives.events:
        return corpus.long_text(question, source, call.directives.events * CHARACTERS_PER_EVENT)
    return corpus.reply_text(question, source)


def _thinking(source: random.Random) -> Json:
    signature = new_id("EqQBCkYIARgC", separator="", length=120)
    return {"type": "thinking", "thinking": corpus.thinking_text(source), "signature": signature}


def _searched(question: str, source: random.Random) -> list[Json]:
    """Return a web search, its results and a text that cites one of them."""
    call_id = new_id("srvtoolu")
    results = [
        {
            "type": "web_search_result",
            "title": site.split("/")[2],
            "url": site,
            "encrypted_content": new_id("Eoo", separator="", length=60),
            "page_age": "3 days ago",
        }
        for site in SITES
    ]
    citation = {
        "type": "web_search_result_location",
        "cited_text": source.choice(corpus.TOPICS).sentences[0],
        "url": SITES[0],
        "title": results[0]["title"],
        "encrypted_index": new_id("Eo8", separator="", length=40),
    }
    query = question[:60] or "release notes"
    return [
        {"type": "server_tool_use", "id": call_id, "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": call_id, "content": results},
        {"type": "text", "text": corpus.reply_text(question, source), "citations": [citation]},
    ]
