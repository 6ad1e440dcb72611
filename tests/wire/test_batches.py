"""Message batches: which one was created, and what its results consumed."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.wire import batch_reader, batches
from proxy.wire.batch_reader import Reader, read_results
from proxy.wire.batches import Share, batch_of_results, created, first_results
from proxy.wire.billing.pricing import bill, cost
from proxy.wire.billing.understood import MOST_REASONS
from proxy.wire.billing.usage import COUNT_COLUMNS, merge
from tests import recordings
from tests.prices import BOOK
from tests.wire.batch_files import SEVERAL_MODELS, answered, failed, usage
from tests.wire.cutting import cut, positions

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
RECORDED = {path.stem[-2:]: path for path in recordings.FILES if "--batch-with-" in path.stem}


def test_the_lines_of_a_file_are_summed_up_by_type_and_model() -> None:
    found = read_results(SEVERAL_MODELS)

    assert found.types == {"succeeded": 4, "errored": 1, "expired": 1}
    assert (found.whole, found.read, found.model) == (True, 6, batches.SEVERAL)
    assert (found.input_tokens, found.output_tokens) == (1_121, 1_011)
    assert (found.cache_read_tokens, found.cache_write_tokens) == (4_000, 3_501)
    assert found.counts == (1_121, 1_011, 4_000, 3_501)
    assert found.shares == [
        Share("claude-haiku-4-5", 1, 100, 10),
        Share("claude-opus-4-5", 2, 28, 702, 4_000, 3_001, 3_000),
        Share("claude-sonnet-4-5-20250929", 1, 1_000, 300, 0, 500, 0, 2),
    ]


@given(positions=positions)
@example([0])
def test_a_reader_goes_on_in_another_process_wherever_it_was_left(positions: list[int]) -> None:
    reader = Reader()
    for fragment in cut(SEVERAL_MODELS, positions):
        reader = Reader.restore(reader.state())
        reader.feed(fragment)

    assert Reader.restore(reader.state()).finish() == read_results(SEVERAL_MODELS)


def test_a_reader_goes_on_from_a_state_of_version_0_2_0() -> None:
    names = ("answers", *COUNT_COLUMNS, "cache_write_1h_tokens", "web_searches")
    sums = dict(zip(names, (1, 2, 3, 4, 5, 1, 6), strict=True))
    share = (("claude-haiku-4-5", 0, False, False, ""), sums)
    state: tuple[object, ...] = ((b"", False), [], {"succeeded": 1}, ["claude-haiku-4-5"], sums, [share], [])
    found = Reader.restore(msgspec.msgpack.encode(state)).finish()

    assert found.shares == [Share("claude-haiku-4-5", 1, 2, 3, 4, 5, 1, 6)]
    assert found.counts == (2, 3, 4, 5)


def test_a_line_that_is_too_long_stays_so_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_reader, "_LONGEST_LINE", 1000)
    reader = Reader()
    reader.feed(b"x" * 1500)
    state = reader.state()
    other = Reader.restore(state)
    other.feed(b"x\n" + failed())

    assert len(state) < 1000
    assert other.finish().types == {batches.UNREADABLE: 1, "errored": 1}


@pytest.mark.parametrize("state", [b"", b"\x00", b"\x95", msgspec.msgpack.encode(((b"", False), {}, []))])
def test_what_is_no_state_is_refused(state: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Reader.restore(state)


@given(positions=positions)
def test_results_do_not_depend_on_where_the_network_cut_them(positions: list[int]) -> None:
    reader = Reader()

    for fragment in cut(SEVERAL_MODELS, positions):
        reader.feed(fragment)

    assert reader.finish() == read_results(SEVERAL_MODELS)


COUNTS = st.integers(0, 2**31 - 1)
USAGES = st.fixed_dictionaries(
    {"input_tokens": COUNTS, "output_tokens": COUNTS, "cache_read_input_tokens": COUNTS},
    optional={
        "cache_creation_input_tokens": COUNTS,
        "cache_creation": st.fixed_dictionaries({"ephemeral_1h_input_tokens": COUNTS}),
        "server_tool_use": st.fixed_dictionaries({"web_search_requests": st.integers(0, 50)}),
        "inference_geo": st.sampled_from(["us", "global"]),
        "speed": st.sampled_from(["fast", "standard"]),
        "iterations": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(["message", "compaction", "advisor_message"]),
                    "input_tokens": COUNTS,
                    "output_tokens": COUNTS,
                },
                optional={"model": st.sampled_from(["claude-opus-4-5", "claude-haiku-4-5"])},
            ),
            max_size=3,
        ),
    },
)
MODELS = st.sampled_from(["claude-opus-5-5", "claude-haiku-4-5", "claude-haiku-5-5"])
ANSWERS = st.lists(st.tuples(MODELS, USAGES), max_size=8)


@given(answers=ANSWERS)
def test_the_shares_of_the_models_cost_what_the_answers_cost_one_by_one(
    answers: list[tuple[str, dict[str, object]]],
) -> None:
    one_by_one = [cost(merge(reported), model, MAY, BOOK, batch=True).amount for model, reported in answers]

    shares = read_results(b"".join(answered(model, reported) for model, reported in answers)).shares

    bills = [
        bill([share.call], share.terms, MAY, BOOK, searches=share.web_searches).amount for share in shares
    ]
    assert sum(filter(None, bills), Decimal(0)) == sum(filter(None, one_by_one), Decimal(0))


@given(data=st.binary(max_size=300))
@example(data=b'{"result":{"type":"succeeded","message":{"model":3,"usage":{"input_tokens":-1}}}}')
@example(data=b'{"result":[]}\n[]\n"x"\nnull\n' + b'{"a":' * 5_000)
@example(data=b'\xff\xfe\n{"result":{"type":"\\u0000"}}\n\n\r\n')
def test_whatever_the_lines_are_they_are_data(data: bytes) -> None:
    found = read_results(data + b"\n" + SEVERAL_MODELS)

    assert (found.types["expired"], found.output_tokens, found.whole) == (1, 1_011, True)


@given(position=st.integers(0, len(SEVERAL_MODELS)))
def test_a_file_is_whole_unless_its_last_line_is_cut(position: int) -> None:
    beginning = SEVERAL_MODELS[:position]

    inside_a_line = beginning[-1:] not in (b"", b"\n") and SEVERAL_MODELS[position : position + 1] != b"\n"

    assert read_results(beginning).whole is not inside_a_line


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (failed("canceled"), "canceled"),
        (failed("postponed"), "other"),
        (b'{"custom_id":"a"}\n', "unreadable"),
        (b"<html>\n", "unreadable"),
        (answered("claude-opus-4-5", None), "unreadable"),
    ],
)
def test_a_line_counts_as_its_type(line: bytes, kind: str) -> None:
    found = read_results(line)

    assert (found.types, found.shares, found.model) == ({kind: 1}, [], "")


def test_blank_lines_and_crlf_are_no_results() -> None:
    assert read_results(b"\n\r\n" + failed().replace(b"\n", b"\r\n") + b"\n").types == {"errored": 1}


def test_an_unknown_type_with_an_answer_is_billed() -> None:
    line = answered("claude-haiku-4-5", usage(5, 6)).replace(b'"succeeded"', b'"succeeded_late"')

    assert read_results(line).shares == [Share("claude-haiku-4-5", 1, 5, 6)]


def test_a_line_without_end_is_dropped_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_reader, "_LONGEST_LINE", 1_000)
    long = answered("claude-haiku-4-5", usage(1, 1), text="x" * 1_000)
    reader = Reader()

    for fragment in cut(long + failed(), list(range(0, 1_200, 7))):
        reader.feed(fragment)
        assert len(reader._lines._rest) <= 1_000

    assert reader.finish().types == {"unreadable": 1, "errored": 1}


def test_more_models_than_there_are_become_one_without_a_price() -> None:
    found = read_results(b"".join(answered(f"model-{number}", usage(1, 2)) for number in range(90)))

    assert len(found.shares) == 51
    assert found.shares[0] == Share(batches.OTHERS, 40, 40, 80)
    assert bill([found.shares[0].call], found.shares[0].terms, MAY, BOOK).state == "unpriced"


def test_what_lines_say_that_is_not_understood_is_named_once_and_not_without_end() -> None:
    lines = [answered("claude-haiku-4-5", usage(1, 1, **{f"new_{number % 30}": 1})) for number in range(60)]

    reasons = read_results(b"".join(lines)).reasons

    assert reasons == [f"usage.new_{number} is not understood" for number in range(MOST_REASONS)]


def test_sums_may_be_larger_than_any_single_count() -> None:
    found = read_results(answered("claude-haiku-4-5", usage(2**31 - 1, 0)) * 3)

    assert found.input_tokens == found.shares[0].call.input_tokens == 3 * (2**31 - 1)


ANSWER: dict[str, object] = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "created_at": "2026-08-19T14:44:51.493319+02:00",
    "request_counts": {"processing": 2, "succeeded": 0, "errored": 1},
}


def test_a_created_batch_tells_its_id_moment_and_size() -> None:
    found = created("POST", "/v1/messages/batches", 200, ANSWER)

    assert found
    assert (found.batch_id, found.requests) == ("msgbatch_1", 3)
    assert found.created_at == datetime(2026, 8, 19, 12, 44, 51, 493319, tzinfo=UTC)


@pytest.mark.parametrize("moment", [None, "yesterday", "2026-08-19T14:44:51", 7, "0001-01-01T00:00:00+14:00"])
def test_a_created_batch_may_tell_its_id_alone(moment: object) -> None:
    found = created("POST", "/v1/messages/batches", 200, {"id": "msgbatch_1", "created_at": moment})

    assert found == batches.Created("msgbatch_1", None, None)


@pytest.mark.parametrize(
    ("method", "path", "status", "content"),
    [
        ("GET", "/v1/messages/batches", 200, ANSWER),
        ("POST", "/v1/messages/batches/msgbatch_1/cancel", 200, ANSWER),
        ("POST", "/v1/messages", 200, ANSWER),
        ("POST", "/v1/messages/batches", 400, ANSWER),
        ("POST", "/v1/messages/batches", 200, {"data": []}),
        ("POST", "/v1/messages/batches", 200, {"id": 7}),
        ("POST", "/v1/messages/batches", 200, None),
    ],
)
def test_nothing_else_creates_a_batch(
    method: str, path: str, status: int, content: dict[str, object] | None
) -> None:
    assert created(method, path, status, content) is None


@pytest.mark.parametrize(
    ("method", "path", "batch_id"),
    [
        ("GET", "/v1/messages/batches/msgbatch_1/results", "msgbatch_1"),
        ("GET", "/v1/messages/batches/msgbatch_1/results/", "msgbatch_1"),
        ("HEAD", "/v1/messages/batches/msgbatch_1/results", None),
        ("GET", "/v1/messages/batches/msgbatch_1", None),
        ("GET", "/v1/messages/batches/a/b/results", None),
        ("GET", "/v1/messages/batches//results", None),
    ],
)
def test_results_are_asked_for_by_their_address(method: str, path: str, batch_id: str | None) -> None:
    assert batch_of_results(method, path) == batch_id


def test_the_first_results_of_a_file_are_parsed_alone() -> None:
    first = first_results(failed(custom_id="one") + b"broken\n" + failed(custom_id="two") * 9, 3)

    assert [line["custom_id"] for line in first] == ["one", "two"]


@pytest.mark.skipif(not RECORDED, reason=recordings.MISSING)
def test_a_recorded_batch_is_created_and_its_results_cost_half() -> None:
    answers = {
        name: base64.b64decode(json.loads(path.read_text())["response"]["body_b64"])
        for name, path in RECORDED.items()
    }

    found = created("POST", "/v1/messages/batches", 200, json.loads(answers["00"]))
    results = read_results(answers["11"])

    assert found
    assert found.requests == results.read == 2
    assert found.created_at == datetime(2026, 8, 19, 14, 44, 51, 493319, tzinfo=UTC)
    assert results.shares == [Share("claude-haiku-4-5-20251001", 2, 39, 9)]
    # 39 x 1 + 9 x 5 per million, and half of that.
    [share] = results.shares
    assert bill([share.call], share.terms, MAY, BOOK).amount == Decimal("0.000042")
