"""Every exchange of a conversation again, for each time that it takes place: PostgreSQL copies the rows."""

from collections.abc import Mapping

from django.db import connection, models, transaction

from proxy.store.models import Exchange, ExchangeBody, Offer, Receipt, SearchText, Turn

# A UUIDv7 of the turn's moment; the rest of it comes from the session and the turn's number, so that a body finds its parent.
_ID = (
    "overlay(overlay(md5(meeting.session::text || {turn}.turn) PLACING lpad(to_hex(meeting.started_ms + {turn}.offset_ms), 12, '0')"
    " || '7' FROM 1) PLACING 'a' FROM 17)::uuid"
)


def _header(column: str, value: str) -> str:
    name = f"x-claude-code-{column.replace('_', '-')}"
    return f"CASE exchange.{column} WHEN '' THEN '[]' ELSE jsonb_build_array(jsonb_build_array('{name}', {value})) END"


_SESSION = "CASE exchange.session_id WHEN '' THEN '' ELSE meeting.session::text END"
_AGENT = "CASE exchange.agent_id WHEN '' THEN '' ELSE 'a' || left(md5(meeting.session::text), 17) END"

_EXCHANGE = {
    "id": _ID.format(turn="turn"),
    "started_at": "timestamptz 'epoch' + (meeting.started_ms + turn.offset_ms) * interval '1 millisecond'",
    "spool": "meeting.spool",
    "serial": "meeting.first_serial + turn.turn",
    "domain": "meeting.domain",
    "account": "meeting.account",
    "paid_by": "meeting.paid_by",
    "client_key": "meeting.client_key",
    "client_address": "meeting.client_address",
    "session_id": _SESSION,
    "agent_id": _AGENT,
    "counts_as": "meeting.counts_as",
}
_RECEIPT = {name: _EXCHANGE[name] for name in ("id", "spool", "serial")}
_BODY = {
    "id": _ID.format(turn="turn"),
    "request_headers": f"body.request_headers || {_header('session_id', _SESSION)} || {_header('agent_id', _AGENT)}",
    "parent": f"CASE WHEN body.parent IS NOT NULL THEN {_ID.format(turn='parent')} END",
}


def _salted(key: str) -> str:
    """A key of its own for each meeting: the same bytes in two sessions are no link between them."""
    return f"decode(md5(meeting.session::text || encode({key}, 'hex')), 'hex')"


_TALK = "CASE exchange.session_id WHEN '' THEN md5(meeting.domain || keys.conversation)::uuid ELSE meeting.talk END"
_KEYS = ("own", "prev", "takes", "gives", "first", "claim", "answer_id", "previous_id")
_KEYED = {
    "id": _ID.format(turn="turn"),
    "conversation": _TALK,
    "domain": "meeting.domain",
    **{name: _salted(f"keys.{name}") for name in _KEYS},
}
_OFFERED = {"id": _ID.format(turn="turn"), "key": _salted("offer.key")}
_TURNS = """
FROM seed_meeting AS meeting
JOIN seed_turn AS turn
    ON (turn.period, turn.conversation) = (meeting.period, meeting.conversation) AND turn.turn < meeting.turns
JOIN seed_exchange AS exchange ON exchange.id = turn.id
"""
_BODIES = """
JOIN seed_body AS body ON body.id = turn.id
LEFT JOIN seed_turn AS parent ON parent.id = body.parent
"""
_TURN_KEYS = "JOIN seed_keys AS keys ON keys.id = turn.id"
_TEXTED = {"id": _ID.format(turn="turn"), "domain": "meeting.domain", "conversation": _TALK}
_TEXTS = _TURN_KEYS + " JOIN seed_text AS said ON said.id = turn.id"
_OFFERS = "JOIN seed_offer AS offer ON offer.id = turn.id"
# Of those with a session: the words of the first exchange that gives any.
TITLES = """
UPDATE proxy_conversation AS row SET title = convert_to(keys.title, 'UTF8')
FROM seed_meeting AS meeting
JOIN (
    SELECT DISTINCT ON (period, conversation) turn.period, turn.conversation, keys.title
    FROM seed_turn AS turn JOIN seed_keys AS keys USING (id) WHERE keys.gives_title
    ORDER BY period, turn.conversation, turn.turn
) AS keys USING (period, conversation)
WHERE row.id = meeting.talk AND row.title_id IS NOT NULL
"""
_CHUNK = "WHERE meeting.number >= %s AND meeting.number < %s ORDER BY 1"


def copy_chunk(first: int, end: int, *, bodies: bool) -> None:
    """Insert what the meetings from `first` to before `end` are made of, as one transaction."""
    statements = [
        _insert(Exchange, "exchange", _EXCHANGE, _TURNS),
        _insert(Receipt, "", _RECEIPT, _TURNS),
        _insert(Turn, "keys", _KEYED, _TURNS + _TURN_KEYS),
        _insert(Offer, "offer", _OFFERED, _TURNS + _OFFERS),
    ]
    if bodies:
        statements.append(_insert(ExchangeBody, "body", _BODY, _TURNS + _BODIES))
        statements.append(_insert(SearchText, "said", _TEXTED, _TURNS + _TEXTS))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off; SET LOCAL work_mem = '64MB'")
        for statement in statements:
            cursor.execute(statement, [first, end])


def _insert(model: type[models.Model], prototype: str, own: Mapping[str, str], source: str) -> str:
    """All columns of a model: what a copy has of its own, the rest as the prototype has it. The id comes first."""
    names = [field.attname for field in model._meta.concrete_fields]
    values = [own.get(name) or f"{prototype}.{name}" for name in names]
    return f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) SELECT {', '.join(values)} {source} {_CHUNK}"
