"""What counts of a message when conversations are distinguished (docs/decisions/0037-keys-not-links.md)."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec

from proxy.wire.lenient import as_dict, as_list, as_text
from proxy.wire.reminders import without_reminders

KEY_SIZE = 16
_THINKING = {"thinking", "redacted_thinking"}
# What a client may change of a block without another meaning.
_UNSTABLE = {"cache_control", "citations"}


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """A message by what counts of it: a digest of all, its text, the tools that it calls and those whose results it holds.

    `compaction` is the digest of a compaction block, b"" without one. `is_empty` says that nothing of it counts.
    """

    role: str
    digest: bytes
    text: str
    calls: tuple[str, ...]
    results: tuple[str, ...]
    compaction: bytes
    is_empty: bool


class Hasher:
    """Keys of 16 bytes: BLAKE2b (RFC 7693), keyed where texts must not be guessed from them."""

    def __init__(self, secret: bytes = b"") -> None:
        self._secret = secret

    def __call__(self, purpose: str, *parts: bytes) -> bytes:
        """A key of parts, another one for each purpose (at most 16 characters)."""
        state = blake2b(digest_size=KEY_SIZE, key=self._secret, person=purpose.encode())
        for part in parts:
            state.update(len(part).to_bytes(8, "little"))
            state.update(part)
        return state.digest()


def summary_of(role: str, content: object, hasher: Hasher) -> Summary:
    """A message of `role` with its `content`, a text or blocks."""
    text_alone: list[object] = [{"type": "text", "text": content}]
    blocks = map(as_dict, text_alone if isinstance(content, str) else as_list(content))
    parts: list[bytes] = []
    texts: list[str] = []
    calls: list[str] = []
    results: list[str] = []
    compaction = b""
    for block in blocks:
        kind = as_text(block.get("type")) or ""
        if kind == "text":
            if text := plain_text(block.get("text")):
                texts.append(text)
                parts.append(b"t" + _bytes(text))
        elif kind.endswith("tool_use") and (identity := as_text(block.get("id"))):
            calls.append(identity)
            parts.append(b"c" + _bytes(identity))
        elif kind.endswith("tool_result") and (identity := as_text(block.get("tool_use_id"))):
            results.append(identity)
            parts.append(b"r" + _bytes(identity))
        elif kind not in _THINKING:
            parts.append(b"o" + canonical(block))
            if kind == "compaction":
                compaction = hasher("compaction", parts[-1])
    return Summary(
        role=role,
        digest=hasher("message", role.encode("utf-8", "replace"), *parts),
        text=" ".join(texts),
        calls=tuple(calls),
        results=tuple(results),
        compaction=compaction,
        is_empty=not parts,
    )


def plain_text(value: object) -> str:
    """A text without system reminders, and with white space made one; "" where there is none."""
    return " ".join(without_reminders(value).split()) if isinstance(value, str) else ""


def canonical(block: dict[str, object]) -> bytes:
    """A block as JSON in one order of members, without what may change from request to request."""
    kept = {name: value for name, value in block.items() if name not in _UNSTABLE}
    return msgspec.json.encode(kept, order="sorted")


def counted(messages: Iterable[Summary]) -> Iterator[Summary]:
    """The messages that count, in order: those of people and the model, none of them twice.

    One whose calls or results came before is a repetition (as the predecessor has it), and so is one that equals the one before it.
    """
    seen_calls: set[str] = set()
    seen_results: set[str] = set()
    before = b""
    for message in messages:
        if message.role not in ("user", "assistant") or (message.role == "assistant" and message.is_empty):
            continue
        repeats = (
            message.digest == before
            or not seen_calls.isdisjoint(message.calls)
            or not seen_results.isdisjoint(message.results)
        )
        seen_calls.update(message.calls)
        seen_results.update(message.results)
        if not repeats:
            before = message.digest
            yield message


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
