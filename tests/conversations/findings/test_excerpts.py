"""Texts of a difference for people: short, and cut where the difference is."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.findings.excerpts import excerpts, text_of
from tests.conversations.findings.samples import IMAGE, call, text


def test_a_block_is_its_text_or_its_json_and_an_image_only_its_size() -> None:
    assert text_of(text("Hello\n")) == "Hello\n"
    assert (
        text_of(call(1, path="/a"))
        == '{"type":"tool_use","id":"toolu_1","name":"Read","input":{"path":"/a"}}'
    )
    assert text_of(IMAGE) == "[image/png, 6 bytes]"
    assert (
        text_of({"type": "document", "source": {"type": "base64", "data": "x" * 8000}})
        == "[document, 6,000 bytes]"
    )
    assert text_of({"type": "text", "text": None}) == '{"type":"text","text":null}'
    assert text_of(None) == "null"


def test_an_excerpt_shows_where_two_texts_begin_to_differ() -> None:
    before, after = ("a" * 500 + word + "b" * 500 for word in ("old", "new"))

    assert excerpts(before, after, 40) == (
        "…" + "a" * 10 + "old" + "b" * 27 + "…",
        "…" + "a" * 10 + "new" + "b" * 27 + "…",
    )
    assert excerpts("same, and then", "same", 40) == ("same, and then", "same")
    assert excerpts("", after, 10) == ("", "a" * 10 + "…")


@given(st.text("ab", max_size=60), st.text("ab", max_size=60), st.integers(4, 30))
def test_an_excerpt_is_a_part_of_its_text_and_different_texts_look_different(
    before: str, after: str, most: int
) -> None:
    shown = excerpts(before, after, most)

    for whole, part in zip((before, after), shown, strict=True):
        assert part.strip("…") in whole
        assert len(part) <= most + 2
    assert (shown[0] != shown[1]) == (before != after)
