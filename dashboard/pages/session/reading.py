"""Turns as a page lists them: their figures, and for readers of bodies what was new in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from accounts.secrets.masking import mask_text
from dashboard.pages.session.outline import Crew, Outline, Step
from dashboard.queries import exchanges
from dashboard.transcript import bodies, news
from dashboard.transcript.blocks import Block
from dashboard.transcript.news import Call, News
from dashboard.transcript.turns import Turn, new_blocks
from proxy.store.bodies.codings import plain
from proxy.store.bodies.traffic import Side
from proxy.store.models import CacheBreak
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
    who: str
    elsewhere: UUID | None
    missing: str = ""
    broke: CacheBreak | None = None

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
    """The bodies of some turns, read at once."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._traffic = exchanges.traffic_of([step.row for step in steps])

    def request(self, step: Step) -> bytes:
        """Without its content coding; b"" where it is not there."""
        traffic = self._traffic.get(step.id)
        return _plain(traffic.request) if traffic else b""

    def response(self, step: Step) -> ResponseContent:
        """What came back."""
        traffic = self._traffic.get(step.id)
        if traffic is None:
            return ResponseContent()
        kind = bodies.header(traffic.response.headers, "content-type")
        return read_response(step.row.status, kind, _plain(traffic.response))

    def missing(self, step: Step) -> str:
        """Why a request cannot be read, "" where it can."""
        traffic = self._traffic.get(step.id)
        if traffic and traffic.request.body is not None:
            return ""
        return exchanges.body(step.id, "request").missing


def _plain(side: Side) -> bytes:
    return plain(side.body or b"", side.headers)


def listed(outline: Outline, steps: Sequence[Step], *, with_words: bool) -> list[Shown]:
    """Turns one after the other."""
    if not with_words:
        return [_shown(outline, step, None) for step in steps]
    following = [after for step in steps if step.row.tool_calls and (after := outline.next_of.get(step.id))]
    needed = list({step.id: step for step in (*steps, *following)}.values())
    kept = Bodies(needed)
    asked = {step.id: news.asked(kept.request(step)) for step in needed}
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
    return Shown(
        step=step,
        news=said,
        calls=tuple(calls.values()),
        agents=agents,
        tools_ms=outline.tools_ms(step),
        who=outline.who(step),
        elsewhere=outline.elsewhere(step),
        broke=outline.breaks.get(step.id),
    )
