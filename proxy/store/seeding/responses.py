"""What came back for a made-up request, as the record of the proxy; most of it went well."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.record import (
    ABORTED,
    CLIENT_LEFT,
    COMPLETE,
    REFUSED,
    UPSTREAM_CUT,
    UPSTREAM_ERROR,
    Closing,
    Head,
    HeaderPairs,
    Record,
)
from proxy.store.seeding.prose import Json, encoded, error_of, refusal, stream, words
from proxy.store.seeding.rarities import made_rare

# How an exchange ends, with the status that a client sees where the answer is an error.
_FATES = (
    (COMPLETE, 200, 9480),
    (UPSTREAM_ERROR, 429, 140),
    (UPSTREAM_ERROR, 529, 110),
    (UPSTREAM_ERROR, 400, 70),
    (CLIENT_LEFT, 200, 130),
    (UPSTREAM_CUT, 200, 40),
    (ABORTED, 200, 30),
    (REFUSED, 401, 20),
)
_JSON: HeaderPairs = [("content-type", "application/json"), ("request-id", "req_011CSHoEeqs5C35K2UUqR7Fy")]
_STREAM: HeaderPairs = [("content-type", "text/event-stream; charset=utf-8"), *_JSON[1:]]
_REQUEST_HEADERS: HeaderPairs = [
    ("content-type", "application/json"),
    ("user-agent", "claude-cli/2.1.332 (external, cli)"),
    ("anthropic-version", "2023-06-01"),
]
# Who may be served faster, at another price.
_FAST_MODELS = ("claude-opus-5-5", "claude-fable-5-2")
_MODEL: Json = {
    "type": "model",
    "id": "claude-opus-5-5",
    "display_name": "Claude Opus 5.5",
    "created_at": "2026-09-22T00:00:00Z",
    "lifecycle": "active",
    "retires_at": None,
    "line": "opus",
}


@dataclass(frozen=True, slots=True)
class MadeResponse:
    """An exchange with what its caller goes on with: the answer's content, and how long it took."""

    record: Record
    content: list[Json]
    duration_ms: int


def inference(
    draw: random.Random,
    body: Json,
    session: str,
    *,
    context: int,
    agent: str = "",
    tools: Sequence[str] = (),
) -> MadeResponse:
    """An answer of a model to `body`, however it ends; `context` are the tokens that lie in the cache."""
    content = _content(draw, tools, thinking="thinking" in body)
    first = round(draw.lognormvariate(6.8, 0.5))
    duration = first + round(draw.lognormvariate(8.4, 0.9))
    outcome, status = _fate(draw)
    if status != 200:
        record = _failed(draw, _head("/v1/messages", session, agent), encoded(body), outcome, status)
    else:
        usage = _usage(draw, str(body["model"]), context, thinking="thinking" in body)
        message, usage = made_rare(draw, _message(draw, body, content), content, usage)
        fragments = stream(message, usage) if body.get("stream") else [encoded(message | {"usage": usage})]
        closing = _closing(
            outcome, _sent(draw, outcome, fragments), first, duration, bool(body.get("stream"))
        )
        record = Record(
            0, _head("/v1/messages?beta=true", session, agent), closing[0], encoded(body), closing[1]
        )
    return MadeResponse(record, content, round(record.closing.duration_ms))


def count(draw: random.Random, body: Json, session: str) -> Record:
    """Tokens counted."""
    response = encoded({"input_tokens": draw.randrange(20, 40_000)})
    return _plain(draw, "POST", "/v1/messages/count_tokens", session, encoded(body), response)


def models(draw: random.Random) -> Record:
    """The list of models."""
    response = encoded({"data": [_MODEL], "has_more": False})
    return _plain(draw, "GET", "/v1/models?limit=20", "", b"", response)


def refused(draw: random.Random) -> Record:
    """A stranger's attempt, which Nexus itself refuses."""
    body = encoded({"model": "claude-opus-5-5", "messages": []})
    return _failed(draw, _head("/v1/messages", "", ""), body, REFUSED, 401)


def _fate(draw: random.Random) -> tuple[str, int]:
    outcome, status, _ = draw.choices(_FATES, [weight for *_, weight in _FATES])[0]
    return outcome, status


def _head(target: str, session: str, agent: str, method: str = "POST") -> Head:
    headers = [
        *_REQUEST_HEADERS,
        *([("x-claude-code-session-id", session)] if session else []),
        *([("x-claude-code-agent-id", agent)] if agent else []),
    ]
    return Head("", 0, "", method, target, headers, paid_by="company", account="company")


def _plain(
    draw: random.Random, method: str, target: str, session: str, request: bytes, response: bytes
) -> Record:
    duration = round(draw.lognormvariate(5.2, 0.5))
    chunks = [(float(duration), len(response))]
    closing = Closing(COMPLETE, 200, _JSON, duration, duration, chunks)
    return Record(0, _head(target, session, "", method), closing, request, response)


def _failed(draw: random.Random, head: Head, request: bytes, outcome: str, status: int) -> Record:
    duration = 1.0 if outcome == REFUSED else float(round(draw.lognormvariate(5.5, 0.7)))
    response = refusal(status)
    kind, message = error_of(status)
    closing = Closing(outcome, status, _JSON, duration, duration, [(duration, len(response))], kind, message)
    return Record(0, head, closing, request, response)


def _content(draw: random.Random, tools: Sequence[str], *, thinking: bool) -> list[Json]:
    thought: Json = {"type": "thinking", "thinking": "", "signature": draw.randbytes(60).hex()}
    said: list[Json] = [{"type": "text", "text": words(draw, draw.randrange(8, 40))}]
    names = draw.choices(tools, k=draw.choice((0, 1, 1, 1, 2))) if tools else []
    return [*([thought] if thinking else []), *said, *(_call(draw, name) for name in names)]


def _call(draw: random.Random, name: str) -> Json:
    given: Json = {"path": f"/src/{words(draw, 1)}.py"}
    if name == "Agent":
        given = {"description": words(draw, 4), "prompt": words(draw, 40)}
    return {"type": "tool_use", "id": f"toolu_01{draw.randbytes(11).hex()}", "name": name, "input": given}


def _message(draw: random.Random, body: Json, content: list[Json]) -> Json:
    called = content[-1]["type"] == "tool_use"
    return {
        "id": f"msg_01{draw.randbytes(11).hex()}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "stop_details": None,
    }


def _usage(draw: random.Random, model: str, context: int, *, thinking: bool) -> Json:
    written = draw.randrange(200, 4000) if context else 0
    hour = written if draw.random() < 0.1 else 0
    output = max(1, round(draw.lognormvariate(5.3, 1)))
    fast = model in _FAST_MODELS and draw.random() < 0.04
    return {
        "input_tokens": draw.randrange(3, 60) if context else draw.randrange(30, 3000),
        "output_tokens": output,
        "cache_read_input_tokens": context,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour},
        "output_tokens_details": {"thinking_tokens": output // 3 if thinking else 0},
        "service_tier": "priority" if draw.random() < 0.02 else "standard",
        "inference_geo": "us" if draw.random() < 0.05 else "global",
        "speed": "fast" if fast else "standard",
    }


def _sent(draw: random.Random, outcome: str, fragments: list[bytes]) -> list[bytes]:
    """What came before the end: of a broken answer only its beginning."""
    return fragments if outcome == COMPLETE else fragments[: draw.randrange(len(fragments))]


def _closing(
    outcome: str, fragments: list[bytes], first: int, duration: int, streamed: bool
) -> tuple[Closing, bytes]:
    step = (duration - first) / max(1, len(fragments) - 1)
    chunks = [(first + number * step, len(fragment)) for number, fragment in enumerate(fragments)]
    headers = _STREAM if streamed else _JSON
    closing = Closing(
        outcome, 200 if fragments else 0, headers, first if fragments else None, duration, chunks
    )
    return closing, b"".join(fragments)
