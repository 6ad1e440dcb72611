"""A transcript as one page of HTML that needs nothing else: no script, no address, its style inside, everything escaped."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from proxy.store.transcripts import wording
from proxy.store.transcripts.shapes import Agent, Attachment, Block, Call, Result, Text, Transcript, Turn

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def parts(transcript: Transcript) -> Iterator[str]:
    """The document, piece by piece."""
    summary = transcript.conversation
    title = escape(wording.title_of(summary))
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n'
    )
    yield f"<body>\n<header>\n<h1>{title}</h1>\n<dl>\n"
    for name, value in wording.facts_of(summary):
        yield f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>\n"
    yield "</dl>\n</header>\n<main>\n"
    yield from _turns(transcript.turns, 2)
    if transcript.agents:
        yield "<h2>Agents whose call is not here</h2>\n"
        for agent in transcript.agents:
            yield from _agent(agent, 3)
    if transcript.side_calls:
        yield "<h2>Calls beside the conversation</h2>\n"
        yield from _turns(transcript.side_calls, 3)
    yield "</main>\n</body>\n</html>\n"


def _turns(turns: Sequence[Turn], level: int) -> Iterator[str]:
    """`level` is that of their headings, 6 at most."""
    heading = f"h{min(level, 6)}"
    for turn in turns:
        facts = escape(" · ".join(wording.facts_of_turn(turn)))
        yield f'<article id="turn-{turn.number}">\n<{heading}>Turn {turn.number}</{heading}>\n<p class="facts">{facts}</p>\n'
        for note in wording.notes_of(turn):
            yield f'<p class="note">{escape(note)}</p>\n'
        yield from _spoken("Prompt", turn.asked, level)
        for result in turn.results:
            yield from _result(result)
        yield from _spoken("Response", turn.response, level)
        yield "</article>\n"


def _spoken(name: str, blocks: Sequence[Block], level: int) -> Iterator[str]:
    if not blocks:
        return
    yield f'<section class="{name.lower()}">\n<p class="who">{name}</p>\n'
    for block in blocks:
        yield from _call(block, level) if isinstance(block, Call) else _plain_block(block)
    yield "</section>\n"


def _plain_block(block: Text | Attachment) -> Iterator[str]:
    if isinstance(block, Attachment):
        yield f'<p class="attachment">{escape(wording.attachment_line(block))}</p>\n'
        return
    yield f'<div class="text">{escape(block.text)}</div>\n'
    if note := wording.cut_line(block):
        yield f'<p class="note">{escape(note)}</p>\n'


def _call(call: Call, level: int) -> Iterator[str]:
    failed = " · error" if call.result and call.result.is_error else ""
    yield f"<details>\n<summary>Call: {escape(call.tool)}{failed}</summary>\n<pre>{escape(wording.input_of(call))}</pre>\n"
    if call.result:
        yield from _result(call.result)
    yield "</details>\n"
    for agent in call.agents:
        yield from _agent(agent, level + 1)


def _result(result: Result) -> Iterator[str]:
    yield f'<div class="result">\n<p class="who">{wording.result_name(result)}</p>\n'
    for block in result.content:
        yield from _plain_block(block)
    yield "</div>\n"


def _agent(agent: Agent, level: int) -> Iterator[str]:
    yield f'<details class="agent">\n<summary>{escape(wording.agent_line(agent))}</summary>\n'
    yield from _turns(agent.turns, level)
    yield "</details>\n"
