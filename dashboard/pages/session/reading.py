"""Turns as a page lists them: their figures, and for readers of bodies what was new in each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from accounts.secrets.masking import mask_text
from dashboard.pages.session.outline import Crew, Outline, Step
from dashboard.queries import exchanges
from dashboard.transcript import bodies, news
from dashboard.transcript.blocks import Block
from dashboard.transcript.news import Call, News
from dashboard.transcript.turns import Turn, new_blocks
from proxy.wire.messages import ResponseContent, read_response


@dataclass(frozen=True, slots=True)
class Called:
    """An agent where it was called; without a `call` nobody may read or knows with what."""

    crew: Crew
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A turn of a list. `news` is None for who may not read bodies, and `missing` says what is not there to be read."""

    step: Step
    news: News | None
    calls: tuple[Call, ...]
    agents: tuple[Called, ...]
    tools_ms: int | None
    missing: str = ""

    @property
    def error(self) -> str:
        row = self.step.row
        return mask_text(": ".join(filter(None, (row.error_type, row.error_message)))[:500])

    @property
    def added(self) -> int:
        """What of its input was not read from the cache."""
        counts = self.step.row.counts
        return counts.input + counts.cache_write


@dataclass(frozen=True, slots=True)
class Whole:
    """All that was new in a turn, as blocks."""

    asked: list[Turn]
    answered: list[Block]
    missing: str


class Bodies:
    """The bodies of some turns, each read once."""

    def __init__(self, steps: Collection[Step]) -> None:
        self._headers = exchanges.headers_of([step.id for step in steps])
        self._missing: dict[UUID, str] = {}

    def request(self, step: Step) -> bytes:
        """Without its content coding; b"" where it is not there."""
        kept = exchanges.body(step.id, "request")
        if kept.missing:
            self._missing[step.id] = kept.missing
        return bodies.readable(kept, self._headers.get(step.id, ([], []))[0])

    def response(self, step: Step) -> ResponseContent:
        """What came back."""
        kept = exchanges.body(step.id, "response")
        headers = self._headers.get(step.id, ([], []))[1]
        kind = bodies.header(headers, "content-type")
        return read_response(step.row.status, kind, bodies.readable(kept, headers))

    def missing(self, step: Step) -> str:
        """Why a request cannot be read, "" where it can."""
        return self._missing.get(step.id, "")


def listed(outline: Outline, steps: Sequence[Step], *, with_words: bool) -> list[Shown]:
    """Turns one after the other."""
    if not with_words:
        return [_shown(outline, step, None) for step in steps]
    following = [after for step in steps if step.row.tool_calls and (after := outline.next_of.get(step.id))]
    kept = Bodies({step.id: step for step in (*steps, *following)}.values())
    asked = {
        step.id: news.asked(kept.request(step)) for step in {s.id: s for s in (*steps, *following)}.values()
    }
    found = []
    for step in steps:
        after = outline.next_of.get(step.id)
        results = asked[after.id].results if after and after.id in asked else None
        said = news.answered(asked[step.id], kept.response(step)).with_results(results or {})
        found.append(replace(_shown(outline, step, said), missing=kept.missing(step)))
    return found


def whole(step: Step) -> Whole:
    """One turn in full: images stand as their names and sizes."""
    kept = Bodies([step])
    asked, answered = new_blocks(kept.request(step), kept.response(step))
    return Whole(asked, answered, kept.missing(step))


def _shown(outline: Outline, step: Step, said: News | None) -> Shown:
    crews = outline.called_by.get(step.id, [])
    calls = {call.id: call for call in said.calls} if said else {}
    agents = tuple(Called(crew, calls.pop(crew.agent.tool_id, None)) for crew in crews)
    return Shown(step, said, tuple(calls.values()), agents, outline.tools_ms(step))
