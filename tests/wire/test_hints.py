import time

import pytest

from proxy.wire.hints import model_of, wants_stream


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model":"claude-opus-4-1","messages":[]}', "claude-opus-4-1"),
        (b' {\n "model" : "a\\u002fb" }', "a/b"),
        (b'{"messages":[{"input":{"model":"inner"}}],"model":"claude-haiku-4-5"}', "claude-haiku-4-5"),
        (b'{"model":"first","tools":[{"model":"inner"}]}', "first"),
        (b'{"model":"a","tools":[{"properties":{"model":{"type":"string"}},"required":["model"]}]}', "a"),
        (b'{"max_tokens":1,"model":"b","tools":[{"model":{"type":"string"},"required":["model"]}]}', "b"),
        (b'{"messages":"say \\"model\\": \\"no\\""}', ""),
        (b'{"messages":[],"model":"b","tools":[{"type":"advisor","model":"inner"}]}', "b"),
        (b'{"a":["}",{"model":"inner"}],"b":"\\"}","model":"top"}', "top"),
        (b'{"a":[{"model":"one"},{"model":"two"}]}', ""),
        (b'{"messages":[{"model":"inner"}],"x":"' + b"x" * 300_000 + b'","model":"last"}', "last"),
        (b'{"model":7}', ""),
        (b'{"model":"nul\\u0000"}', "nul"),
        (b'{"model":"\xff"}', ""),
        (b"", ""),
        (b"not json", ""),
    ],
)
def test_the_model_is_found_without_parsing(body: bytes, model: str) -> None:
    assert model_of(body) == model


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"stream":true}', True),
        (b'{"stream" : false}', False),
        (b'{"messages":[{"input":{"stream":true}}],"stream":false}', False),
        (b'{"messages":"\\"stream\\":true"}', False),
        (b'{"stream":1}', False),
        (b"", False),
    ],
)
def test_the_wish_for_a_stream_is_found_without_parsing(body: bytes, wanted: bool) -> None:
    assert wants_stream(body) is wanted


def test_a_body_full_of_models_does_not_stall_the_loop() -> None:
    start = time.process_time()

    assert model_of(b'{"tools":[' + b'"model",' * 1_000_000) == ""

    assert time.process_time() - start < 0.1
