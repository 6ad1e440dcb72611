"""A file of prices is read whole or refused with a message that says where and what."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.price_file import COLUMNS, SHIPPED, PriceFileError, PriceRow, read, shipped

ROW = {"model": "claude-next-1", "valid_from": "2026-11-09", "input": "8", "output": "40"}
BAND = {"over_tokens": 100000, "input": "16"}


def put(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "prices.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_what_ships_is_a_file_that_can_be_used() -> None:
    assert tuple(read(SHIPPED)) == shipped()
    assert len(shipped()) == len(json.loads(SHIPPED.read_bytes()))
    assert all(row.source and row.read_on for row in shipped())


def test_a_row_needs_a_model_and_a_date_alone(tmp_path: Path) -> None:
    [row] = read(put(tmp_path, [ROW]))

    assert (row.input, row.cache_read, row.web_search) == (Decimal(8), None, None)
    assert row.batch_factor == Decimal("0.5")
    assert row.valid_from.isoformat() == "2026-11-09T00:00:00+00:00"


def test_an_empty_list_holds_no_price(tmp_path: Path) -> None:
    assert read(put(tmp_path, [])) == []


BAD: list[tuple[object, str]] = [
    (b"", "is no list of prices"),
    (b"[{]", "is no list of prices"),
    (b'[{"model": "\xff", "valid_from": "2026-11-09"}]', "is no list of prices"),
    ({"prices": []}, "Expected `array`, got `object`"),
    ([{"model": "a"}], "missing required field `valid_from`"),
    ([ROW | {"inptu": "8"}], "unknown field `inptu`"),
    ([ROW | {"valid_from": "9 November"}], "Invalid RFC3339"),
    ([ROW | {"input": "eight"}], "$[0].input"),
    ([ROW | {"input": "-1"}], "row 1 (claude-next-1): input is no amount from 0 to 999,999"),
    ([ROW | {"input": "1000000"}], "input is no amount"),
    ([ROW | {"input": "0.0000001"}], "at most 6 decimals"),
    ([ROW | {"input": "0E-99999999"}], "input is no amount"),
    ([ROW | {"input": "1E+99999999"}], "input is no amount"),
    ([ROW | {"output": "NaN"}], "output is no amount"),
    ([ROW | {"output": "sNaN"}], "output is no amount"),
    ([ROW | {"output": "Infinity"}], "output is no amount"),
    ([ROW | {"us_factor": "1.10001"}], "us_factor is no amount from 0 to 9,999 with at most 4 decimals"),
    ([ROW | {"batch_factor": None}], "batch_factor"),
    ([ROW | {"band": BAND | {"input": "-1"}}], "band_input is no amount"),
    ([ROW | {"band": {"input": "16"}}], "missing required field `over_tokens`"),
    ([ROW | {"band": BAND | {"over_tokens": -1}}], "over_tokens is no number of tokens"),
    ([ROW | {"band": BAND | {"over_tokens": 2**63}}], "over_tokens is no number of tokens"),
    ([ROW | {"model": ""}], "row 1 (no model): a model's name has 1 to 120 printable characters"),
    ([ROW | {"model": "a" * 121}], "1 to 120"),
    ([ROW | {"model": "a\x00"}], "printable"),
    ([ROW, ROW | {"model": "b", "aliases": [" c"]}], "row 2 (b)"),
    ([ROW | {"aliases": ["a", "a"]}], "a name stands there twice"),
    ([ROW | {"aliases": ["claude-next-1"]}], "a name stands there twice"),
    ([ROW | {"source": "a\x00b"}], "source holds a character"),
    ([ROW | {"valid_to": "2026-11-09"}], "valid_to is not after valid_from"),
    ([ROW, ROW], "two prices of claude-next-1 from 2026-11-09"),
    ([ROW | {"aliases": ["x"]}, ROW | {"model": "b", "aliases": ["x"]}], "x as an alias of two models"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "reported"), BAD)
def test_a_bad_file_is_refused_and_told_where(tmp_path: Path, content: object, reported: str) -> None:
    path = put(tmp_path, content)

    with pytest.raises(PriceFileError) as caught:
        read(path)

    assert reported in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", ""])
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(PriceFileError, match="cannot be read"):
        read(tmp_path / name)


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.decimals().map(str),
    st.lists(st.text(max_size=3), max_size=2), st.dates().map(str), st.just(BAND),
)  # fmt: skip
fields = st.sampled_from(
    [*ROW, "aliases", "valid_to", "band", "fast_factor", "batch_factor", "source", "read_on", "x"]
)


def rows_of(path: Path) -> list[PriceRow] | None:
    """None where it is refused; any other error fails the test."""
    try:
        return read(path)
    except PriceFileError:
        return None


@given(st.lists(st.dictionaries(fields, values).map(lambda found: ROW | found), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_list_of_rows_is_read_or_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    found = rows_of(put(tmp_path, rows))

    assert found is None or len(found) == len(rows)
    assert all(row.values.keys() == set(COLUMNS) for row in found or ())


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'[{"model": "\\ud800", "valid_from": "2026-01-01"}]')
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    assert rows_of(put(tmp_path, content)) in (None, [])


amounts = st.decimals(0, 999_999, places=6)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(st.lists(amounts, min_size=2, max_size=2), days, st.integers(1, 1000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_digit_of_an_amount_is_lost(tmp_path: Path, usd: list[Decimal], day: date, length: int) -> None:
    row = ROW | {"input": f"{usd[0]:f}", "web_search": f"{usd[1]:f}", "valid_from": f"{day}"}

    [found] = read(put(tmp_path, [row | {"valid_to": f"{day + timedelta(length)}"}]))

    assert [found.input, found.web_search] == usd
    assert found.valid_to is not None
    assert (found.valid_from.date(), (found.valid_to - found.valid_from).days) == (day, length)
