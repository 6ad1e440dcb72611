import json

from hypothesis import given
from hypothesis import strategies as st

from dashboard.transcript.clipping import REST, clipped
from tests.store.postgres.test_columns import ANY_JSON


@given(value=ANY_JSON)
def test_a_small_value_stays_as_it_is(value: object) -> None:
    found = clipped(value, 10**9, 10**9)

    assert found.is_whole
    assert json.dumps(found.value) == json.dumps(value)


@given(value=ANY_JSON, characters=st.integers(0, 50), values=st.integers(0, 10))
def test_no_more_is_left_than_was_asked_for(value: object, characters: int, values: int) -> None:
    found = clipped(value, characters, values)

    texts, items = sizes(found.value)
    # Each text that was cut and each list that was ends with a mark.
    assert texts <= characters + 3 * (items + 1)
    assert items <= 2 * values + 2
    assert found.is_whole == (json.dumps(found.value) == json.dumps(value))


def sizes(value: object) -> tuple[int, int]:
    """Characters and values within."""
    if isinstance(value, str):
        return len(value), 0
    if isinstance(value, dict):
        inner = [sizes(item) for pair in value.items() for item in pair]
    elif isinstance(value, list):
        inner = [sizes(item) for item in value]
    else:
        return 0, 0
    return sum(texts for texts, _ in inner), sum(items for _, items in inner) + len(value)


def test_what_is_too_deep_shows_as_the_rest() -> None:
    deep: object = "core"
    for _ in range(800):
        deep = [deep]

    found = clipped(deep, 1000, 1000)

    assert not found.is_whole
    assert json.dumps(found.value, ensure_ascii=False) == "[" * 100 + f'"{REST}"' + "]" * 100


def test_names_that_become_the_same_lose_no_mark() -> None:
    found = clipped({"ab": 1, "ac": 2, "ad": 3}, 1, 10)

    assert found.value == {f"a{REST}": 1, REST: REST}
