"""A transcript as Markdown. Words of people, models and tools stand in fences that none of them can close; agents in quotes."""

import re
from collections.abc import Iterable, Iterator, Sequence

from proxy.store.transcripts import wording
from proxy.store.transcripts.shapes import Agent, Attachment, Block, Call, Result, Text, Transcript, Turn

_BACKTICKS = re.compile("`+")
# What a terminal takes for orders.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_SPECIAL = re.compile(r"([\\`*_\[\]~|])")


def lines(transcript: Transcript) -> Iterator[str]:
    """The document, each line with its end."""
    for line in _document(transcript):
        yield _CONTROLS.sub("\ufffd", line) + "\n"


def _document(transcript: Transcript) -> Iterator[str]:
    summary = transcript.conversation
    yield f"# {plain(wording.title_of(summary))}"
    yield ""
    for name, value in wording.facts_of(summary):
        yield f"- {name}: {plain(value)}"
    yield from _turns(transcript.turns)
    if transcript.agents:
        yield from ("", "# Agents whose call is not here")
        for agent in transcript.agents:
            yield from _agent(agent)
    if transcript.side_calls:
        yield from ("", "# Calls beside the conversation")
        yield from _turns(transcript.side_calls)


def _turns(turns: Sequence[Turn]) -> Iterator[str]:
    for turn in turns:
        yield ""
        yield f"## Turn {turn.number}"
        yield ""
        yield plain(" · ".join(wording.facts_of_turn(turn)))
        for note in wording.notes_of(turn):
            yield from ("", f"*{plain(note)}*")
        yield from _spoken("Prompt", turn.asked)
        for result in turn.results:
            yield from _result(result)
        yield from _spoken("Response", turn.response)


def _spoken(name: str, blocks: Sequence[Block]) -> Iterator[str]:
    if blocks:
        yield from ("", f"**{name}**")
    for block in blocks:
        yield from _call(block) if isinstance(block, Call) else _plain_block(block)


def _plain_block(block: Text | Attachment) -> Iterator[str]:
    if isinstance(block, Attachment):
        yield from ("", plain(wording.attachment_line(block)))
        return
    yield from fenced(block.text)
    if note := wording.cut_line(block):
        yield from ("", f"*{plain(note)}*")


def _call(call: Call) -> Iterator[str]:
    yield from ("", f"**Call: {plain(call.tool)}**")
    yield from fenced(wording.input_of(call))
    if call.result:
        yield from _result(call.result)
    for agent in call.agents:
        yield from _agent(agent)


def _result(result: Result) -> Iterator[str]:
    yield from ("", f"**{wording.result_name(result)}**")
    for block in result.content:
        yield from _plain_block(block)


def _agent(agent: Agent) -> Iterator[str]:
    yield ""
    yield f"> **{plain(wording.agent_line(agent))}**"
    yield from quoted(_turns(agent.turns))


def quoted(inner: Iterable[str]) -> Iterator[str]:
    """Lines in a quotation."""
    for line in inner:
        yield f"> {line}".rstrip() if not line else f"> {line}"


def fenced(text: str) -> Iterator[str]:
    """A text in a fence that is longer than any in it, so that nothing of it is Markdown or HTML."""
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(text)), default=0))
    yield from ("", f"{fence}text")
    yield from text.splitlines() or [""]
    yield fence


def plain(text: str) -> str:
    """A text in one line, in which nothing is Markdown or HTML; it does not begin a line but where we know its first word."""
    escaped = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
