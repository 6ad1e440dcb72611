import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.search.words import normal, runs, terms_of, words

TEXTS = st.text(
    st.sampled_from("aZé_9.-/ \n日本語ーe\u0301ﬁ½\uff21ß\U0001f600한")
    | st.characters(exclude_categories=["Cs"]),
    max_size=40,
)


def terms(text: str) -> list[str]:
    return [term for word in words(normal(text)) for term in word.terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain words", ["plain", "words"]),
        ("getUserName", ["getusername", "get", "user", "name"]),
        ("get_user_name", ["get_user_name", "get", "user", "name"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("__init__", ["__init__", "init"]),
        ("utf8 x1 iOS", ["utf8", "utf", "x1", "ios", "os"]),
        ("src/app/read_me.py", ["src", "app", "read_me", "read", "me", "py"]),
        ("日本語", ["日本", "本語"]),
        ("Pythonで書く、水", ["python", "で書", "書く", "水"]),
        ("안녕하세요", ["안녕", "녕하", "하세", "세요"]),
        ("Straße STRASSE größeWert", ["strasse", "strasse", "grössewert", "grösse", "wert"]),
        ("Cafe\u0301 Café", ["café", "café"]),
        ("ﬁle \uff21\uff22", ["file", "ab"]),
        ("a1b2c3d4e5f6", ["a1b2c3d4e5f6"]),
        ("aa11bb22cc33dd44ee55", ["aa11bb22cc33dd44ee55"]),
        ("", []),
    ],
)
def test_words_are_found_as_a_whole_and_by_their_parts(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_nothing_over_64_characters_is_kept() -> None:
    assert terms(f"{'x' * 64} {'y' * 65} z") == ["x" * 64, "z"]


def test_a_word_tells_where_it_stands() -> None:
    text = "see 日本語 in getName"

    assert [text[word.start : word.end] for word in words(text)] == ["see", "日本", "本語", "in", "getName"]


@given(TEXTS)
def test_what_is_indexed_is_what_is_found_in_the_text(text: str) -> None:
    text = normal(text)

    assert {term for word in words(text) for term in word.terms} == {
        term for run in runs(text) for term in terms_of(run)
    }


@given(st.text("aZé_ 日-", max_size=30))
def test_case_makes_no_difference_to_a_word(text: str) -> None:
    assert [word.terms[0] for word in words(text)] == [word.terms[0] for word in words(text.swapcase())]


@given(TEXTS)
def test_no_term_is_longer_than_a_word_may_be(text: str) -> None:
    assert all(word.terms[0] and word.end - word.start <= 64 for word in words(normal(text)) if word.terms)
