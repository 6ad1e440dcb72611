from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.search.hashing import Hasher

KEY = bytes(range(32))


def terms_in(texts: Iterable[str], key: bytes = KEY) -> set[int]:
    return set(Hasher(key).of_texts(texts))


def test_a_term_has_the_same_number_in_every_process() -> None:
    assert Hasher(KEY).of_terms(["name"]) == [1897322143]


def test_the_numbers_of_texts_are_those_of_all_their_terms() -> None:
    hasher = Hasher(KEY)

    assert hasher.of_texts(["getName", "name 日本語"]) == hasher.of_terms(
        ["getname", "get", "name", "日本", "本語"]
    )


def test_a_long_run_of_cjk_is_found_by_each_of_its_pairs() -> None:
    assert set(Hasher(KEY).of_terms(["日本"])) <= terms_in(["語" * 100 + "日本"])


def test_another_key_gives_other_numbers() -> None:
    assert not terms_in(["some words of a text"]) & terms_in(["some words of a text"], bytes(32))


@given(st.lists(st.text(max_size=20)))
def test_numbers_fit_an_integer_column_and_come_once(texts: list[str]) -> None:
    numbers = Hasher(KEY).of_texts(texts)

    assert numbers == sorted(set(numbers))
    assert all(-(2**31) <= number < 2**31 for number in numbers)
