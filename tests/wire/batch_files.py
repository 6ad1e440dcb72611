"""Files of batch results, as the API writes them."""

import json


def usage(input_tokens: int = 0, output_tokens: int = 0, **more: object) -> dict[str, object]:
    return {"input_tokens": input_tokens, "output_tokens": output_tokens, "service_tier": "batch"} | more


def answered(model: str, reported: dict[str, object] | None, text: str = "Hi", custom_id: str = "a") -> bytes:
    content = [{"type": "text", "text": text}]
    message = {"id": "msg_1", "type": "message", "model": model, "content": content, "usage": reported}
    return _line({"custom_id": custom_id, "result": {"type": "succeeded", "message": message}})


def failed(kind: str = "errored", custom_id: str = "b") -> bytes:
    error = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "max_tokens: Field required"},
    }
    result: dict[str, object] = {"type": kind} | ({"error": error} if kind == "errored" else {})
    return _line({"custom_id": custom_id, "result": result})


def _line(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode() + b"\n"


# A search by Sonnet, a cache write for an hour by Opus, an advisor inside an answer of Haiku; two lines cost nothing.
SEVERAL_MODELS = b"".join(
    (
        answered(
            "claude-sonnet-4-5-20250929",
            usage(
                1_000,
                300,
                cache_creation_input_tokens=500,
                cache_creation={"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 0},
                server_tool_use={"web_search_requests": 2},
            ),
        ),
        answered(
            "claude-opus-4-5",
            usage(
                20,
                700,
                cache_read_input_tokens=4_000,
                cache_creation_input_tokens=3_001,
                cache_creation={"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 3_000},
            ),
        ),
        failed(),
        answered(
            "claude-haiku-4-5",
            usage(
                100,
                10,
                iterations=[
                    {"type": "message", "input_tokens": 100, "output_tokens": 10},
                    {
                        "type": "advisor_message",
                        "model": "claude-opus-4-5",
                        "input_tokens": 7,
                        "output_tokens": 1,
                    },
                ],
            ),
        ),
        answered("claude-opus-4-5", usage(1, 1)),
        failed("expired"),
    )
)
