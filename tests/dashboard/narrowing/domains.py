"""Traffic and access of one domain, everything in it marked with one word, so that a trace of it can be found anywhere."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.utils import timezone

from accounts.models import Credential, Stop
from dashboard.models import GroupDomains
from proxy.store.models import Conversation, Exchange, FormerConversation, MessageBatch, Turn, UnpricedModel
from tests import people
from tests.accounts.people import make_api_key, make_client_key, make_domain, make_limit
from tests.conversations.clients import BEGIN, Sent, Thread, World, call, result, text
from tests.dashboard.found import make_break, make_finding
from tests.roles import as_owner
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch

WORD = "parser"
STOPS = 700_000_000


@dataclass(frozen=True, slots=True)
class Marked:
    """What of a domain can stand in an address."""

    domain: str
    exchange: UUID
    conversation: UUID
    session: str
    turn: UUID
    former: UUID
    stop: int
    key: str

    def values(self, mark: str) -> dict[str, str]:
        """Of the parameters of the filter, those that name something."""
        return {
            "domain": self.domain,
            "model": f"model-{mark}",
            "account": f"account-{mark}",
            "clientKey": f"key-{mark}",
            "person": f"person-{mark}",
            "session": self.session,
            "agent": f"agent-{mark}",
            "tool": f"Tool-{mark}",
            "errorType": f"error_{mark}",
        }


@as_owner()
def make_traffic(mark: str, domain: str, hours: float) -> Marked:
    """Everything that a domain can have, so long ago."""
    at = people.hours_ago(hours)
    key, _ = make_client_key(domain, name=f"key-{mark}")
    _access(mark, domain, key)
    talk = _conversation(mark, domain, at)
    first = Turn.objects.filter(conversation=talk.id).order_by("id").values_list("id", flat=True)[0]
    row = _exchange(mark, domain, at, str(key.pk))
    make_break(Exchange.objects.get(id=first), conversation=talk.id, at=f"tool {mark}")
    make_finding(
        Exchange.objects.get(id=first), conversation=talk.id, sentence=f"Tool-{mark} was called 3 times."
    )
    _batch(mark, row)
    former = people.make_id(at)
    FormerConversation.objects.create(former=former, conversation=talk.id)
    stop = _stop(mark, domain, at)
    return Marked(domain, row.id, talk.id, f"session-{mark}", first, former, stop, str(key.pk))


def bound(name: str, *patterns: str, permissions: tuple[str, ...] = ("view_figures", "read_bodies")) -> User:
    """A user of one group that is bound to these domains."""
    user = people.reader(name, *permissions)
    with as_owner():
        group = Group.objects.create(name=f"of {name}")
        GroupDomains.objects.create(group=group, names=list(patterns))
        user.groups.add(group)
    return user


def _conversation(mark: str, domain: str, at: datetime) -> Conversation:
    sent = [replace(each, started_at=at + (each.started_at - BEGIN)) for each in _session(mark)]
    people.take_in(make_batch(*(record_of(each, domain) for each in sent)))
    return Conversation.objects.get(session_id=f"session-{mark}", domain=domain)


def _session(mark: str) -> list[Sent]:
    world = World(len(mark), f"session-{mark}")
    main = Thread(world)
    main.ask(
        [text(f"The {WORD} of {mark}")], [text(f"I look at {mark}."), used := call(world, f"Tool-{mark}")]
    )
    main.ask([result(used, f"lines of {mark}")], [started := call(world, "Agent", prompt=f"Find {mark}")])
    agent = Thread(world, agent=f"agent-{mark}", caller="")
    agent.last = main.last
    agent.ask(f"Find {mark}", [text(f"None of {mark}.")])
    main.ask([result(started, f"None of {mark}.")], [text("All done.")])
    return world.sent


def _exchange(mark: str, domain: str, at: datetime, key: str) -> Exchange:
    return people.make_exchange(
        at=at + timedelta(minutes=30),
        domain=domain,
        account=f"account-{mark}",
        model=f"model-{mark}",
        client_key=key,
        user_id=f"person-{mark}",
        session_id=f"session-{mark}",
        agent_id=f"agent-{mark}",
        request_type=f"type-{mark}",
        outcome="upstream_error",
        status=529,
        error_type=f"error_{mark}",
        error_message=f"message of {mark}",
        tool_names=[f"Tool-{mark}"],
        tool_calls=1,
        cost_state="unpriced",
        cost_usd=None,
        query=f"of={mark}",
    )


def _batch(mark: str, row: Exchange) -> None:
    MessageBatch.objects.create(
        id=f"msgbatch_{mark}",
        domain=row.domain,
        account=row.account,
        requests=3,
        created_at=row.started_at,
        created_by=row.id,
    )


def _stop(mark: str, domain: str, at: datetime) -> int:
    """Its number tells what it is in an answer."""
    until = timezone.now() + timedelta(hours=1)
    row = Stop.objects.create(
        pk=STOPS + len(mark),
        domain=domain,
        session_id=f"session-{mark}",
        until=until,
        stopped_at=at,
        stopped_by=mark,
    )
    return row.pk


def _access(mark: str, domain: str, key: object) -> None:
    make_limit(domain=make_domain(domain), requests_per_minute=len(mark) + 60)
    make_limit(client_key=key, usd_per_day=len(mark))
    make_api_key(domain, name=f"credential-{mark}", state=Credential.State.NEEDS_LOGIN)
    UnpricedModel.objects.get_or_create(
        model=f"model-{mark}", defaults={"first_seen": timezone.now(), "exchange_id": people.make_id()}
    )
