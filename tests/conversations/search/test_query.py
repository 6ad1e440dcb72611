import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.conversations.search.query import QueryError, parse


@pytest.mark.parametrize(
    ("typed", "phrases"),
    [
        ("rate limit", [("rate",), ("limit",)]),
        ("  Rate RATE rate ", [("rate",)]),
        ('"rate limit" tokens', [("rate", "limit"), ("tokens",)]),
        ('tokens "rate limit', [("tokens",), ("rate", "limit")]),
        ("getUserName", [("getusername",)]),
        ("src/app.py", [("src", "app", "py")]),
        ("日本語", [("日本", "本語")]),
        ('- "" "  " word', [("word",)]),
        ("\uff21\uff22", [("ab",)]),
    ],
)
def test_words_and_phrases_are_read(typed: str, phrases: list[tuple[str, ...]]) -> None:
    assert list(parse(typed).phrases) == phrases


def test_a_query_knows_its_terms_and_whether_their_order_counts() -> None:
    assert parse('a "b a" c').terms == ["a", "b", "c"]
    assert parse('a "b a"').has_order
    assert not parse("a b").has_order


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "no word"),
        ('"" -.-', "no word"),
        ("x" * 301, "longer than 300"),
        ("x" * 65, "more than 64"),
        (" ".join(f"word{number}" for number in range(21)), "at most 20"),
    ],
)
def test_what_cannot_be_searched_says_why(typed: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        parse(typed)


@given(st.text(max_size=320))
def test_any_text_is_a_query_with_words_or_refused(typed: str) -> None:
    try:
        found = parse(typed)
    except QueryError:
        assume(False)
    assert found.phrases
    assert all(found.phrases)
