"""What is new in a turn, without a database."""

import json
import time
from typing import Any
from uuid import UUID

import msgspec
import pytest

from proxy.store.transcripts import content
from proxy.store.transcripts.content import MOST_OF_TEXT, Reader
from proxy.store.transcripts.shapes import Attachment, Call, Result, Text
from proxy.wire.request_shape import Message, shape_of

TURN = UUID(int=7)


def messages(*pairs: tuple[str, Any]) -> list[Message]:
    body = {"messages": [{"role": role, "content": content} for role, content in pairs]}
    shape = shape_of(json.dumps(body).encode())
    assert shape
    return shape.messages or []


def asked(*pairs: tuple[str, Any]) -> list[Text | Attachment]:
    return Reader().asked(messages(*pairs), TURN)[0]


def said(*blocks: dict[str, Any]) -> list[Text | Attachment | Call]:
    return Reader().said({"content": list(blocks)}, TURN)


def test_only_the_last_words_of_a_person_are_new() -> None:
    found = asked(
        ("user", "old"),
        ("assistant", "hm"),
        ("user", "a"),
        ("system", "s"),
        ("user", "b"),
        ("assistant", "pre"),
    )

    assert found == [Text("a"), Text("b")]


def test_reminders_and_thinking_are_left_out() -> None:
    assert asked(("user", "hi <system-reminder>x</system-reminder>")) == [Text("hi")]
    assert asked(("user", "<system-reminder>x</system-reminder>")) == []
    assert said({"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}) == [Text("yes")]


def test_images_and_documents_are_placeholders_with_their_size() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJDRA=="}}
    document = {
        "type": "document",
        "title": "a.txt",
        "source": {"type": "text", "media_type": "text/plain", "data": "häh"},
    }
    remote = {"type": "image", "source": {"type": "url", "url": "https://a.example/i.png"}}

    assert asked(("user", [image, document, remote])) == [
        Attachment("image", 4, "image/png"),
        Attachment("document", 4, "text/plain", "a.txt"),
        Attachment("image", 0, "", "https://a.example/i.png"),
    ]


def test_results_stand_apart_with_what_they_hold() -> None:
    parts = [{"type": "text", "text": "12"}, {"type": "image", "source": {"type": "base64", "data": "QQ=="}}]
    block = {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": parts}
    found, results = Reader().asked(messages(("user", [block, {"type": "text", "text": "so?"}])), TURN)

    assert found == [Text("so?")]
    assert results == [Result("t1", TURN, [Text("12"), Attachment("image", 1)], is_error=True)]


def test_results_of_server_tools_stand_with_their_calls() -> None:
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
    hits = {
        "type": "web_search_tool_result",
        "tool_use_id": "s1",
        "content": [{"type": "web_search_result", "title": "T"}],
    }

    assert said(call, hits) == [
        Call(
            "web_search",
            "s1",
            {"query": "q"},
            Result("s1", TURN, [Attachment("web_search_result", 0, "", "T")]),
        )
    ]


def test_secrets_are_masked_everywhere() -> None:
    secret = "sk-ant-api03-SECRETSECRET"
    call = {
        "type": "tool_use",
        "id": secret,
        "name": secret,
        "input": {"password": "SECRET", "deep": [{"x": secret}]},
    }
    cut = {"type": "tool_use", "id": "2", "name": "n", "input": {}, "partial_json": f'{{"a": "{secret}'}
    image = {"type": "image", "title": secret, "source": {"media_type": secret}}
    result = {"type": "tool_result", "tool_use_id": secret, "content": f"token={secret}"}
    odd = {"type": secret}
    reader = Reader()
    found = [
        reader.said({"content": [call, cut, image, odd]}, TURN),
        reader.asked(messages(("user", [result, {"type": "text", "text": secret}])), TURN),
    ]

    shown = msgspec.json.encode(found).decode()
    assert "SECRET" not in shown
    assert shown.count("sk-ant-****") >= 6


def test_a_long_text_is_cut_and_says_so_and_a_secret_at_the_cut_is_masked() -> None:
    secret = "sk-ant-" + "S" * 90
    text = "x " * ((MOST_OF_TEXT - 20) // 2) + secret + " y" * 5000
    [found] = asked(("user", text))

    assert isinstance(found, Text)
    assert len(found.text) <= MOST_OF_TEXT
    assert found.left_out == len(text) - MOST_OF_TEXT
    assert "SSSS" not in found.text


def test_all_texts_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MOST_OF_ALL", 10)
    reader = Reader()

    assert reader.text("12345678") == Text("12345678")
    assert reader.text("abcdef") == Text("ab", 4)
    assert reader.text("ghi") == Text("", 3)
    assert reader.said(
        {"content": [{"type": "tool_use", "name": "n", "id": "i", "input": {"a": "b"}}]}, TURN
    ) == [Call("n", "i", None)]


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "text",
        [],
        [None, 1, "x"],
        {"type": 3},
        {"type": "tool_use", "input": 10**400},
        {"type": "tool_use", "input": [[]]},
    ],
)
def test_any_json_is_read_and_can_be_written(value: object) -> None:
    reader = Reader()

    msgspec.json.encode(reader.said({"content": value}, TURN))
    msgspec.json.encode(reader.said({"content": [value]}, TURN))
    msgspec.json.encode(reader.said(value if isinstance(value, dict) else None, TURN))


def test_a_huge_text_takes_no_longer_than_what_is_shown_of_it() -> None:
    text = "password=" * 3_000_000
    started = time.process_time()
    asked(("user", text))

    assert time.process_time() - started < 3
