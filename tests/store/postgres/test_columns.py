import json
import math

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.models import Exchange
from proxy.store.postgres import columns

ANY_TEXT = st.text(st.characters(exclude_categories=()))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


def test_text_that_fits_is_the_same() -> None:
    assert columns.text("Zoë says 😀", 20) == "Zoë says 😀"


def test_nul_and_half_an_emoji_are_taken_out_of_text() -> None:
    assert columns.text("a\x00b\ud83d") == "ab?"


def test_text_is_cut_at_the_length_of_its_column() -> None:
    assert columns.text("\x00" * 5 + "abcdef", 3) == "abc"


@given(value=ANY_TEXT)
def test_any_text_becomes_text_that_can_be_written(value: str) -> None:
    assert "\x00" not in columns.text(value).encode().decode()


def test_json_that_fits_is_the_same_object() -> None:
    value = {"a": [1, {"b": None}]}

    assert columns.json_value(value) is value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a\x00": "b\x00"}, {"a": "b"}),
        (["\ud800"], ["?"]),
        ([10**5000, 1, 1.5, True], [None, 1, 1.5, True]),
        ({"\ud800": ("x",)}, {"?": ["x"]}),
    ],
)
def test_what_jsonb_cannot_hold_is_replaced(value: object, kept: object) -> None:
    assert columns.json_value(value) == kept


def test_json_is_cut_below_fifty_levels() -> None:
    value: list[object] = []
    for _ in range(900):
        value = [value]

    assert json.dumps(columns.json_value(value)).count("[") == 51


@pytest.mark.django_db
@given(value=ANY_JSON)
def test_any_json_can_be_written(value: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb", [json.dumps(columns.json_value(_finite(value)))])

        assert cursor.fetchone() is not None


def _finite(value: object) -> object:
    """msgspec writes infinity as null; the json module writes what is no JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return {key: _finite(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_every_text_integer_and_document_of_a_row_is_made_to_fit() -> None:
    row = Exchange(domain="d" * 999, path="/\x00", status=99_999, duration_ms=-1, usage={"a": "\x00"})
    for name in ("serial", "tool_calls", "request_bytes", "response_bytes"):
        setattr(row, name, 2**64)

    columns.fit(row)

    assert (len(row.domain), row.path, row.status, row.duration_ms) == (260, "/", 32_767, 0)
    assert (row.serial, row.tool_calls, row.usage) == (2**63 - 1, 2**31 - 1, {"a": ""})
