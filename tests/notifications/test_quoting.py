import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.notifications.quoting import TEXT_LIMIT, TRUNCATED, clip, cut, quote

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def test_a_short_text_stays_as_it_is() -> None:
    assert quote("Where is Lisbon?\nAnd Porto?") == "Where is Lisbon?\nAnd Porto?"


def test_a_text_of_3000_characters_is_whole_and_one_more_is_cut() -> None:
    assert quote("a" * TEXT_LIMIT) == "a" * TEXT_LIMIT
    assert quote("a" * (TEXT_LIMIT + 1)) == "a" * TEXT_LIMIT + TRUNCATED


def test_an_answer_is_cut_to_its_first_lines() -> None:
    assert quote("\n".join("abcdef"), lines=3) == "a\nb\nc" + TRUNCATED
    assert quote("a\nb\nc", lines=3) == "a\nb\nc"


@pytest.mark.parametrize(
    "mention", ["<!here>", "<!channel>", "<@U123>", "<!subteam^S1>", "<https://evil|ok>"]
)
def test_no_mention_or_link_of_slack_survives(mention: str) -> None:
    assert "<" not in quote(mention)
    assert ">" not in clip(mention, 50)


@pytest.mark.parametrize("name", ["channel", "here", "everyone", "HERE"])
def test_a_plain_broadcast_is_broken_up(name: str) -> None:
    assert f"@{name}" not in quote(f"wake up @{name} now")


def test_an_escape_that_was_there_already_is_shown_as_it_was() -> None:
    assert quote("&lt;!here&gt;") == "&amp;lt;!here&amp;gt;"


def test_an_escape_is_never_cut_in_the_middle() -> None:
    assert quote("&" * (TEXT_LIMIT + 9)) == "&amp;" * TEXT_LIMIT + TRUNCATED


def test_controls_and_direction_marks_vanish() -> None:
    assert quote("a\x00b\x1b[31mc\u202ed") == "ab[31mcd"


def test_a_secret_is_masked_before_the_cut_could_hide_that_it_is_one() -> None:
    text = "x" * (TEXT_LIMIT - 20) + " sk-ant-api03-" + "q" * 90

    assert "qq" not in quote(text)


def test_a_secret_at_the_edge_of_what_is_looked_at_does_not_show() -> None:
    masked_away = "Bearer " + "b" * 20_900
    text = f"{masked_away} sk-ant-api03-{'q' * 200}"

    assert "q" not in quote(text)


def test_one_endless_word_is_not_shown_in_part() -> None:
    assert quote("q" * 100_000) == TRUNCATED


def test_a_text_of_megabytes_takes_no_time() -> None:
    started = time.perf_counter()

    quote("word & " * 1_000_000)

    assert time.perf_counter() - started < 0.5


def test_an_emoji_of_several_characters_is_kept_or_left_out_as_a_whole() -> None:
    assert cut("abc" + FAMILY, 5) == "abc"
    assert cut("abc" + FAMILY, 8) == "abc" + FAMILY


def test_a_letter_keeps_its_accent() -> None:
    assert cut("cafe\u0301s", 4) == "caf"
    assert cut("thumb \U0001f44d\U0001f3fdx", 7) == "thumb"


def test_a_text_of_accents_only_is_cut_all_the_same() -> None:
    assert len(cut("\u0301" * 50, 10)) == 10


def test_a_clip_is_one_line() -> None:
    assert clip("a\n  b\tc", 10) == "a b c"
    assert clip("abcdefgh", 5) == "abcde..."


@given(st.text(), st.integers(1, 40))
def test_a_cut_is_a_beginning_that_fits_and_ends_between_letters(text: str, limit: int) -> None:
    short = cut(text, limit)

    assert text.startswith(short)
    assert len(short) <= max(limit, 0)


@given(st.text(alphabet="e\u0301\u0308", max_size=30), st.integers(1, 10))
def test_no_accent_starts_what_is_left_out(text: str, limit: int) -> None:
    text = "e" + text
    rest = text[len(cut(text, limit)) :]

    torn = bool(rest) and unicodedata.combining(rest[0]) != 0

    assert not torn or len(text) - len(text.lstrip("e")) == 1


@given(st.text())
def test_nothing_of_slack_markup_is_left_in_any_text(text: str) -> None:
    assert not set("<>") & set(quote(text))
