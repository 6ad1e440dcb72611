"""The keys of a turn, from the bytes of its request and its answer alone (docs/decisions/0037-keys-not-links.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from uuid import UUID

from proxy.conversations.content import Hasher, Summary, counted
from proxy.conversations.offers import NewOffer, claim_of, offers_of
from proxy.wire.lenient import as_dict


@dataclass(frozen=True, slots=True)
class Keys:
    """What a turn is found by, 16 bytes each, None where there is no such thing.

    `own` is the chain of hashes over its messages, `prev` the chain up to before the last answer among them, `takes` the name
    of that answer, `gives` the name of the answer that this turn got, `first` the hash of the first message, `claim` what it may
    have been called with. `depth` counts runs of user messages. `begins` tells conversations without a session apart.
    `new_words` says that a person's words are new in this turn.
    """

    depth: int
    own: bytes
    first: bytes
    begins: bytes
    prev: bytes | None = None
    takes: bytes | None = None
    gives: bytes | None = None
    claim: bytes | None = None
    answer_id: bytes | None = None
    previous_id: bytes | None = None
    offers: tuple[NewOffer, ...] = ()
    new_words: bool = False


def keys_of(
    messages: Sequence[Summary],
    response: Summary | None,
    hasher: Hasher,
    *,
    calls: Sequence[tuple[str, str]] = (),
    message_id: str = "",
    previous_id: str = "",
    summarizes: bool = False,
) -> Keys | None:
    """The keys of a request with `messages` and its `answer`; None where no message counts.

    `calls` are the prompt and the id of each agent that the answer calls; `summarizes` says that a summary was asked for.
    """
    history = list(counted(messages))
    asked, trailing = _without_trailing(history)
    if not asked:
        return None
    links = _chain(asked, hasher)
    before, run, after = _last_answer(asked)
    # An answer that was paused goes on under its name; what a prefill begins has none yet.
    continued = trailing if any(message.calls for message in trailing) else ()
    spoken = continued or run
    begin = asked if continued else before
    gives = None if response is None else _name([*trailing, response], asked, hasher)
    return Keys(
        depth=_depth(asked),
        own=links[len(asked)],
        first=asked[0].digest,
        begins=_begins(history, response, hasher),
        prev=links[len(begin)] if spoken else None,
        takes=_name(spoken, begin, hasher) if spoken else None,
        gives=gives,
        claim=claim_of(_opening(asked), hasher),
        answer_id=hasher("message id", message_id.encode()) if message_id else None,
        previous_id=hasher("message id", previous_id.encode()) if previous_id else None,
        new_words=any(message.text for message in after),
        offers=offers_of(response, calls, after, hasher, summarizes=summarizes) if response else (),
    )


def conversation_id(domain: str, session: str, begins: bytes) -> UUID:
    """Of a domain's session, or of the thread of messages that begins so. Never the same for two domains."""
    plain = Hasher()
    data = session.encode("utf-8", "replace")
    key = plain("session", domain.encode(), data) if session else plain("thread", domain.encode(), begins)
    # A name-based UUID of a hash of one's own is version 8 (RFC 9562 §5.8), which Python 3.11 does not know.
    bits = int.from_bytes(key) & ~(0xF << 76 | 0x3 << 62)
    return UUID(int=bits | 8 << 76 | 2 << 62)


def previous_message(thread: object) -> str:
    """The id of the message that a message thread goes on from, "" where a request is none (beta message-threads-2026-08-12)."""
    fields = as_dict(thread)
    previous = fields.get("previous_message_id")
    return previous if fields.get("type") == "continue" and isinstance(previous, str) else ""


def _without_trailing(history: list[Summary]) -> tuple[list[Summary], list[Summary]]:
    """Messages up to the last one of a user, and what the model is to go on with."""
    trailing = len(list(takewhile(lambda message: message.role == "assistant", reversed(history))))
    return history[: len(history) - trailing], history[len(history) - trailing :]


def _last_answer(asked: list[Summary]) -> tuple[list[Summary], list[Summary], list[Summary]]:
    """What comes before the last run of assistant messages, the run, and what comes after it."""
    after = len(list(takewhile(lambda message: message.role == "user", reversed(asked))))
    rest, later = asked[: len(asked) - after], asked[len(asked) - after :]
    before, run = _without_trailing(rest)
    return before, run, later


def _name(run: Sequence[Summary], asked: Sequence[Summary], hasher: Hasher) -> bytes:
    """The name of an answer: its first call, else a compaction in it, else its text and what it answers."""
    for message in run:
        if message.calls:
            return hasher("call", message.calls[0].encode("utf-8", "replace"))
    for message in run:
        if message.compaction:
            return message.compaction
    text = " ".join(message.text for message in run if message.text)
    return hasher("text", text.encode("utf-8", "replace"), *_answered(asked))


def _answered(asked: Sequence[Summary]) -> list[bytes]:
    """What the last run of a user says: results by their ids, for beside them reminders and notifications come and go."""
    run = [*takewhile(lambda message: message.role == "user", reversed(asked))][::-1]
    if results := [identity for message in run for identity in message.results]:
        return [b"results", *(identity.encode("utf-8", "replace") for identity in results)]
    return [b"text", " ".join(message.text for message in run if message.text).encode("utf-8", "replace")]


def _chain(messages: Sequence[Summary], hasher: Hasher) -> list[bytes]:
    """The chain of hashes: after no message, after the first, and so on."""
    links = [hasher("chain")]
    for message in messages:
        links.append(hasher("chain", links[-1], message.digest))
    return links


def _opening(asked: Sequence[Summary]) -> str:
    """The first text of a user: messages with nothing but reminders may lie before it."""
    run = takewhile(lambda message: message.role == "user", asked)
    return next((message.text for message in run if message.text), "")


def _depth(asked: Sequence[Summary]) -> int:
    return sum(
        message.role == "user" and (at == 0 or asked[at - 1].role != "user")
        for at, message in enumerate(asked)
    )


def _begins(history: list[Summary], response: Summary | None, hasher: Hasher) -> bytes:
    """The first user run and the first answer, which a request with one message has yet to get."""
    at = next((at for at, message in enumerate(history) if message.role == "assistant"), len(history))
    run = [*takewhile(lambda message: message.role == "assistant", history[at:])]
    if not run and response is not None:
        run = [response]
    name = _name(run, history[:at], hasher) if run else b""
    return hasher("begins", *(message.digest for message in history[:at]), name)
