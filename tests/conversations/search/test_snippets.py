from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.search.new_text import Part
from proxy.conversations.search.query import QueryError, parse
from proxy.conversations.search.snippets import Snippet, snippet_of
from proxy.conversations.search.words import normal


def shown(typed: str, *texts: str) -> Snippet | None:
    return snippet_of([Part("prompt", text) for text in texts], parse(typed))


def marked(typed: str, *texts: str) -> str:
    snippet = shown(typed, *texts)
    assert snippet
    return "".join(f"[{text}]" if is_hit else text for text, is_hit in snippet.split())


def test_each_hit_is_marked_as_it_was_written() -> None:
    assert (
        marked("user limit", "The User hit a LIMIT, userName too")
        == "The [User] hit a [LIMIT], [userName] too"
    )


def test_a_part_of_an_identifier_marks_the_whole() -> None:
    assert marked("name", "call getUserName()") == "call [getUserName]()"


def test_words_of_a_phrase_have_to_follow_each_other() -> None:
    assert marked('"not found"', "found: not\n found, not here") == "found: [not\n found], not here"
    assert shown('"not found"', "found not") is None


def test_hits_that_overlap_are_marked_once() -> None:
    assert marked('"a b" b c', "a b, c") == "[a b], [c]"


def test_a_path_is_a_phrase() -> None:
    assert marked("src/app.py", "app src py, in src/app.py") == "app src py, in [src/app.py]"


def test_a_word_too_long_to_be_kept_stands_between_others() -> None:
    assert shown('"a b"', f"a {'x' * 65} b") is None


def test_a_run_of_cjk_is_found_where_it_stands() -> None:
    assert marked("日本語", "新日本語版") == "新[日本語]版"
    assert shown("日本語", "日本と本語") is None


def test_all_words_have_to_be_in_the_turn_and_the_part_with_most_is_shown() -> None:
    assert marked("one two three", "only one", "has two and three") == "has [two] and [three]"
    assert shown("one four", "only one", "has two") is None
    assert shown("one") is None


def test_a_long_text_is_cut_around_the_first_hit() -> None:
    text = marked("needle", f"{'hay ' * 200}needle {'straw ' * 200}needle")

    assert text.startswith("…hay")
    assert "[needle] straw" in text
    assert text.endswith("…")
    assert text.count("[") == 1
    assert len(text) < 290


def test_a_text_without_blanks_is_cut_anywhere() -> None:
    assert marked("needle", f"{'-' * 500}needle{'-' * 500}").startswith(f"…{'-' * 80}[needle]---")


def test_a_hit_that_is_longer_than_the_snippet_ends_with_it() -> None:
    phrase = " ".join(f"w{number}" for number in range(20))
    snippet = shown(f'"{phrase}"', phrase.replace(" ", " - - - - - - - - "))

    assert snippet
    assert snippet.marks == ((0, 280),)


@given(st.text("ab_ .日本éA", max_size=400), st.text("ab 日本é", min_size=1, max_size=5))
def test_marks_lie_within_the_snippet_in_order_and_apart(text: str, typed: str) -> None:
    try:
        found = snippet_of([Part("response", normal(text))], parse(typed))
    except QueryError:
        return
    if found:
        places = [place for mark in found.marks for place in mark]
        assert places == sorted(set(places))
        assert 0 <= places[0] < places[-1] <= len(found.text)
        assert "".join(stretch for stretch, _ in found.split()) == found.text
