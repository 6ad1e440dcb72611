"""Estimated token counts and a prompt cache that behaves like the API's.

Prompt caching: https://docs.claude.com/en/docs/build-with-claude/prompt-caching. The prompt is a row of
blocks (tools, system, messages); a `cache_control` mark makes the prefix up to it writable, and the longest
prefix that an earlier request wrote is read. Four bytes of JSON count as one token.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from nexus_project.demo.emulator.api.call import Json

BYTES_PER_TOKEN = 4
SMALLEST_CACHED_PROMPT = 1024
PREFIXES_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class InputTokens:
    """What a prompt costs, in disjoint counts; `lifetime` of the written part is 5m or 1h."""

    uncached: int
    cache_read: int = 0
    cache_write: int = 0
    lifetime: str = "5m"

    @property
    def total(self) -> int:
        return self.uncached + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True)
class Prefix:
    digest: bytes
    tokens: int
    lifetime: str | None


def count(value: object) -> int:
    """Return the tokens of a JSON value or a text, at least 1."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return max(1, len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


class PromptCache:
    """Remembers the prefixes of the newest prompts; nothing in it expires."""

    def __init__(self) -> None:
        self._written: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()

    def charge(self, request: Json) -> InputTokens:
        """Count a request's prompt, and remember what it wrote into the cache."""
        prefixes = list(_prefixes(request))
        total = prefixes[-1].tokens
        marks = [index for index, prefix in enumerate(prefixes) if prefix.lifetime]
        if not marks or prefixes[marks[-1]].tokens < SMALLEST_CACHED_PROMPT:
            return InputTokens(total)
        cacheable = prefixes[marks[-1]]
        with self._lock:
            known = [prefix.tokens for prefix in prefixes[: marks[-1] + 1] if prefix.digest in self._written]
            for index in marks:
                self._written[prefixes[index].digest] = None
            while len(self._written) > PREFIXES_KEPT:
                self._written.popitem(last=False)
        read = known[-1] if known else 0
        return InputTokens(
            max(1, total - cacheable.tokens), read, cacheable.tokens - read, cacheable.lifetime or "5m"
        )


def _prefixes(request: Json) -> Iterator[Prefix]:
    digest = hashlib.sha256(str(request.get("model")).encode())
    tokens = 0
    for block in _blocks(request):
        mark = block.get("cache_control")
        bare = {key: value for key, value in block.items() if key != "cache_control"}
        digest.update(json.dumps(bare, sort_keys=True).encode())
        tokens += count(bare)
        yield Prefix(digest.digest(), tokens, mark.get("ttl", "5m") if isinstance(mark, dict) else None)


def _blocks(request: Json) -> Iterator[Json]:
    yield from request.get("tools") or ()
    yield from blocks_of(request.get("system") or [])
    for message in request["messages"]:
        yield {"role": message.get("role")}
        yield from blocks_of(message.get("content"))


def blocks_of(content: object) -> list[Json]:
    """Return a content as a list of blocks: a string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
