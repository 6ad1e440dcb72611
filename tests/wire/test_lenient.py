import pytest

from proxy.wire.lenient import as_count, as_dict, as_list, as_text, is_longer, parse


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b' {"a":[1]}   ', {"a": [1]}),
        (b'"\\ud83d cut"', "? cut"),
        (b'"\xff"', "\ufffd"),
        (b"", None),
        (b"{", None),
        (b"NaN", None),
        (b"1e999", None),
    ],
)
def test_what_is_readable_is_read_and_the_rest_is_nothing(data: bytes, value: object) -> None:
    assert parse(data) == value


def test_very_deep_nesting_does_not_raise() -> None:
    assert isinstance(parse(b"[" * 100_000 + b"]" * 100_000), list | None)


def test_values_of_the_wrong_kind_are_absent() -> None:
    assert as_dict([1]) == {}
    assert as_list({"a": 1}) == []
    assert as_text(1) is None
    assert as_count(True) is None


def test_text_for_a_column_has_no_nul_character() -> None:
    assert as_text("a\x00b") == "ab"


def test_a_large_body_of_many_values_is_not_repaired() -> None:
    broken = b'["\xff"' + b',"%b"' % (b"x" * 40) * 250_000 + b"]"

    assert parse(broken.replace(b"\xff", b"y")) is not None
    assert parse(broken) is None
    assert parse(b'["\xff","' + b"x" * 2_000_000 + b'"]') == ["\ufffd", "x" * 2_000_000]


def test_what_cannot_be_written_as_json_is_longer_than_any_bound() -> None:
    nested: list[object] = []
    nested.append(nested)

    assert is_longer(nested, 10**9)
    assert [is_longer({"a": 1}, most_bytes) for most_bytes in (6, 7)] == [True, False]
