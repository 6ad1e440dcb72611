"""One session: the page, and the parts of it that are loaded when somebody scrolls, unfolds or waits for more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts import stopping
from accounts.secrets.masking import mask_text
from dashboard.access.signin import may_stop, reads_bodies
from dashboard.caching import BODIES
from dashboard.pages.session import branches, reading, sharing
from dashboard.pages.session.filling import filling
from dashboard.pages.session.outline import MAIN, Crew, Outline, Step
from dashboard.queries import cache_breaks, conversations
from proxy.store.conversations.loading import load
from proxy.store.models import Conversation

PAGE_SIZE = 50
SHOWS = {"": "In order", "failed": "Failures", "dearest": "Dearest first"}
FORMS = {"md": "Markdown", "json": "JSON", "html": "HTML"}
MOST_OFFERED = 200
NOT_STORED = "No session of this name is stored."


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some turns of a list. `more` is the query of the part that follows, "" at its end, and `again` that of themselves."""

    turns: list[reading.Shown]
    more: str = ""
    again: str = ""
    last: UUID | None = None


def session(request: HttpRequest, name: str) -> HttpResponse:
    """`name` is a conversation's id, or a session's: that leads to its only conversation, or to the list of all."""
    conversation = _by_id(name)
    if conversation is None:
        return _elsewhere(name)
    if request.path != (address := reverse("session", args=[conversation.id])):
        return HttpResponseRedirect(address)
    part = _PARTS.get(request.GET.get("part", ""), _page)
    response = part(request, conversation)
    response.headers["Cache-Control"] = BODIES
    return response


def _by_id(name: str) -> Conversation | None:
    try:
        return conversations.find(UUID(name))
    except ValueError:
        return None


def _elsewhere(name: str) -> HttpResponse:
    found = conversations.named(name)
    if not found:
        raise Http404(NOT_STORED)
    if len(found) == 1:
        return HttpResponseRedirect(reverse("session", args=[found[0].id]))
    return HttpResponseRedirect(f"{reverse('sessions')}?{urlencode({'session': name})}")


def _page(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    outline, with_words = Outline(load(conversation)), reads_bodies(request)
    show, at = request.GET.get("show", ""), _step(outline, request.GET.get("at", ""))
    if show in ("failed", "dearest"):
        stretch = Stretch(reading.listed(outline, _chosen(outline, show), with_words=with_words))
    else:
        show, line = "", _line_of(outline, at)
        stretch = _stretch(outline, line, line.index(at) if at else 0, _name_of(at), with_words=with_words)
    now, session_id = timezone.now(), conversation.session_id
    rests = conversations.rests([conversation], now).get(conversation.id)
    context = _sums(outline) | {
        "rests": rests,
        "runs": rests is not None and rests < conversations.ACTIVE_SECONDS,
        "title": conversations.title(conversation) if with_words else "",
        "with_words": with_words,
        "stops": stopping.active(now, conversation.domain, session_id) if session_id else [],
        "may_stop": may_stop(request),
        "choices": stopping.CHOICES,
        "shows": SHOWS.items(),
        "show": show,
        "forms": FORMS.items(),
        "at": at,
        "crew": outline.crews.get(at.place.agent_id) if at else None,
        "stretch": stretch,
        "all_failed": conversation.failed if show == "failed" else 0,
        "page_size": PAGE_SIZE,
        "follows": not show and (at is None or _name_of(at) == MAIN),
    }
    return render(request, "session/page.html", context)


def _turns(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    """The next turns of one line, after a turn or from its beginning."""
    outline, name = Outline(load(conversation)), request.GET.get("agent", MAIN)
    line, after = _line(outline, name), _step(outline, request.GET.get("after", ""))
    start = line.index(after) + 1 if after in line else 0
    stretch = _stretch(outline, line, start, name, with_words=reads_bodies(request))
    if "again" in request.GET:
        stretch = replace(stretch, more="", last=None)
    context = {"outline": outline, "stretch": stretch, "is_main": name == MAIN}
    return render(request, "session/turns.html", context)


def _turn(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    """All that was new in one turn."""
    step = _step(Outline(load(conversation)), request.GET.get("turn", ""))
    if step is None:
        raise Http404(NOT_STORED)
    whole = reading.whole(step) if reads_bodies(request) else None
    return render(request, "session/whole.html", {"step": step, "whole": whole})


def _table(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    return render(request, "session/table.html", {"lines": branches.table(Outline(load(conversation)))})


def _filling(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    """What fills the context of an agent's turns: figures, for which some of their requests are read."""
    outline, agent = Outline(load(conversation)), request.GET.get("agent", MAIN)
    crews = list(outline.crews.values())[:MOST_OFFERED]
    context = {
        "filling": filling(outline, outline.line(agent)),
        "agent": agent,
        "agents": [(MAIN, "main"), *((crew.agent.id, f"{crew.name} {crew.agent.id[:8]}") for crew in crews)]
        if crews
        else [],
    }
    return render(request, "session/filling.html", context)


def _news(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    """What came since the page had `seen` turns: sums and tree anew, and turns behind `after` where its reader has come so far."""
    if request.GET.get("seen") == str(conversation.turns):
        return HttpResponse(status=204)
    outline, after = Outline(load(conversation)), request.GET.get("after", "")
    last, line = _step(outline, after), outline.line(MAIN)
    seen = request.GET.get("seen", "")
    newcomers = _newcomers(outline, int(seen) if seen.isdigit() else 0)
    context = _sums(outline)
    if last is not None and last in line:
        start = line.index(last)
        found = reading.listed(outline, line[start : start + 1 + PAGE_SIZE], with_words=reads_bodies(request))
        context |= {"before": found[0], "turns": found[1:], "last": found[-1].step.id}
        # A turn that is put in now brings the agents that it called.
        fresh = {turn.step.id for turn in found[1:]}
        newcomers = [crew for crew in newcomers if crew.agent.called_by not in fresh]
    context["newcomers"] = newcomers
    return render(request, "session/news.html", context)


def _newcomers(outline: Outline, seen: int) -> list[Crew]:
    """Agents whose first turn is not among the first so many."""
    called = [crew for crews in outline.called_by.values() for crew in crews]
    return [crew for crew in called if crew.steps and crew.steps[0].number > seen]


_PARTS = {"turns": _turns, "turn": _turn, "table": _table, "filling": _filling, "news": _news}


def _sums(outline: Outline) -> dict[str, object]:
    main = outline.line(MAIN)
    row = outline.conversation
    return {
        "outline": outline,
        "talk": row,
        "person": mask_text(row.person),
        "cost_usd": row.cost_usd,
        "costed": {"cost_state": row.cost_state, "cost_reason": ""},
        "cache_share": row.counts.cache_share,
        "main_cost": sum((step.cost for step in main), start=0),
        "agents_cost": sum((crew.own.cost for crew in outline.crews.values()), start=0),
        "context": main[-1] if main else None,
        "compactions": sum(step.is_compaction for step in outline.steps),
        "repeats": sum(step.place.retry_of is not None for step in outline.steps),
        "gaps": sum(step.is_after_gap for step in outline.steps),
        "tools": outline.tools.most_common(3),
        "tool_calls": outline.tools.total(),
        "times": sharing.times(outline),
        "tables": {
            "Agent": sharing.by_agent(outline),
            "Model": sharing.by_model(outline),
            "Tool": sharing.by_tool(outline),
        },
        "broke": cache_breaks.together(outline.breaks.values()),
        "drawing": branches.drawing(outline),
        "most_drawn": branches.MOST_DRAWN,
    }


def _chosen(outline: Outline, show: str) -> list[Step]:
    if show == "failed":
        return [step for step in outline.steps if step.row.failed][-PAGE_SIZE:]
    return sorted(outline.steps, key=lambda step: (-step.cost, step.number))[:PAGE_SIZE]


def _stretch(outline: Outline, line: Sequence[Step], start: int, name: str, *, with_words: bool) -> Stretch:
    steps = line[start : start + PAGE_SIZE]
    part = {"part": "turns", "agent": name}
    more = urlencode({**part, "after": steps[-1].id}) if start + PAGE_SIZE < len(line) else ""
    before = line[start - 1].id if start else ""
    return Stretch(
        turns=reading.listed(outline, steps, with_words=with_words),
        more=more,
        again=urlencode({**part, "after": before, "again": 1}),
        last=steps[-1].id if steps else None,
    )


def _step(outline: Outline, text: str) -> Step | None:
    try:
        return outline.by_id.get(UUID(text))
    except ValueError:
        return None


def _name_of(step: Step | None) -> str:
    """The list that a turn is in."""
    return MAIN if step is None else "side" if step.is_side else step.place.agent_id


def _line_of(outline: Outline, step: Step | None) -> list[Step]:
    return _line(outline, _name_of(step))


def _line(outline: Outline, name: str) -> list[Step]:
    return outline.side if name == "side" else outline.line(name)
