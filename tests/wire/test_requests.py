import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.requests import RequestFacts, UserId, read_request, read_target

MESSAGES = "/v1/messages?beta=true"
REMINDER = "<system-reminder>\nYour todo list is empty.\n</system-reminder>"


def read(path: str = MESSAGES, **fields: object) -> RequestFacts:
    return read_request(path, json.dumps(fields).encode())


def said(text: str, role: str = "user") -> dict[str, object]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def test_the_plain_facts_are_read() -> None:
    facts = read(
        model="claude-opus-4-1", stream=True, max_tokens=32_000, tools=[{}, {}], messages=[said("Hi")]
    )

    assert (facts.model, facts.stream, facts.max_tokens) == ("claude-opus-4-1", True, 32_000)
    assert (facts.tool_count, facts.message_count, facts.user_text) == (2, 1, "Hi")


@pytest.mark.parametrize(
    ("system", "roles", "count", "request_type"),
    [
        (None, ["user"], 0, "query_evaluation"),
        ("One string", ["user"], 1, "query_evaluation"),
        ([{"type": "text"}], ["user"], 1, "query_evaluation"),
        ([{"type": "text"}, {"type": "text"}], ["user"], 2, "inference"),
        ("One string", ["user", "system"], 2, "inference"),
        (None, ["system", "system", "user"], 2, "inference"),
    ],
)
def test_two_system_parts_make_an_inference(
    system: object, roles: list[str], count: int, request_type: str
) -> None:
    facts = read(system=system, messages=[said("Hi", role) for role in roles])

    assert (facts.system_count, facts.request_type) == (count, request_type)


def test_a_quota_probe_is_known_by_its_text() -> None:
    assert read(messages=[{"role": "user", "content": " Quota\n"}], system=["a", "b"]).request_type == "quota"


@pytest.mark.parametrize(
    ("path", "request_type"),
    [
        ("/v1/messages/count_tokens?beta=true", "count_tokens"),
        ("/v1/messages/batches", "batch"),
        ("/v1/messages/batches/b_1/results", "batch"),
        ("/v1/models?limit=1000", "models"),
        ("/v1/files/file_1", "files"),
        ("/v1/complete", "complete"),
        ("/v1/completely", "other"),
        ("/v1/messages/", "other"),
        ("", "other"),
    ],
)
def test_other_endpoints_are_their_own_type(path: str, request_type: str) -> None:
    assert read_request(path, b"").request_type == request_type
    assert read(path, messages=[said("quota")]).request_type == request_type


def test_the_user_text_is_without_reminders() -> None:
    content = [
        {"type": "text", "text": REMINDER},
        {"type": "image"},
        {"type": "text", "text": f"Build it.\n{REMINDER}"},
        {"type": "text", "text": "Twice."},
    ]

    assert read(messages=[{"role": "user", "content": content}]).user_text == "Build it.\nTwice."
    assert read(messages=[{"role": "user", "content": f"plain {REMINDER}"}]).user_text == "plain"


def test_tool_results_leave_the_user_text_as_it_was() -> None:
    result = {"role": "user", "content": [{"type": "tool_result"}, {"type": "text", "text": REMINDER}]}
    facts = read(
        messages=[said("First"), said("No", "assistant"), said("Second"), said("", "assistant"), result]
    )

    assert (facts.first_user_text, facts.user_text) == ("First", "Second")


@pytest.mark.parametrize(
    ("text", "user_id"),
    [
        ('{"device_id":"d","account_uuid":"a","session_id":"s"}', UserId("d", "a", "s")),
        ('{"session_id":"s","account_uuid":null}', UserId("", "", "s")),
        ("user_615feb_account_b1c2_session_d3e4", UserId("615feb", "b1c2", "d3e4")),
        ("user_615feb_account__session_d3e4", UserId("615feb", "", "d3e4")),
        ("615feb43d747", UserId("615feb43d747")),
        ("", None),
        (7, None),
    ],
)
def test_the_user_id_is_taken_apart_in_all_its_forms(text: object, user_id: UserId | None) -> None:
    assert read(metadata={"user_id": text}).user_id == user_id


def test_a_body_that_is_too_deep_to_parse_still_gives_model_and_stream() -> None:
    deep = b"[" * 200_000 + b"]" * 200_000

    facts = read_request(MESSAGES, b'{"model":"claude-opus-5","x":' + deep + b',"stream":true}')

    assert (facts.model, facts.stream) == ("claude-opus-5", True)


def test_ten_thousand_messages_are_counted() -> None:
    facts = read(messages=[said("a")] * 10_000)

    assert facts.message_count == 10_000


def test_a_body_of_32_mib_is_read() -> None:
    facts = read(model="m", messages=[said("x" * 2**25)])

    assert len(facts.user_text) == 2**25


def test_nul_characters_do_not_reach_the_facts() -> None:
    facts = read(model="a\x00b", messages=[said("c\x00d")])

    assert (facts.model, facts.user_text, facts.first_user_text) == ("ab", "cd", "cd")


@pytest.mark.parametrize("body", [b"", b"[]", b"nul", b"\xff\xfe", b'{"model":"m"', b"\x00" * 10])
def test_a_body_that_is_no_object_has_no_facts_beyond_its_bytes(body: bytes) -> None:
    facts = read_request("/v1/messages", body)

    assert (facts.request_type, facts.message_count, facts.user_id) == ("query_evaluation", 0, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "user_id"]), inner)
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(["model", "messages", "system", "tools", "metadata", "max_tokens"]), json_values
    )
)
def test_fields_of_any_kind_never_raise(fields: dict[str, object]) -> None:
    facts = read_request(MESSAGES, json.dumps(fields).encode())

    assert facts.request_type in {"inference", "query_evaluation", "quota"}


@given(
    st.dictionaries(
        st.sampled_from(["model", "messages", "system", "tools", "metadata", "max_tokens"]), json_values
    ),
    st.sampled_from(["\ud800", "\udfff and more"]),
)
def test_a_member_that_has_to_be_repaired_changes_no_other_fact(
    fields: dict[str, object], broken: str
) -> None:
    repaired = read_request(MESSAGES, json.dumps({**fields, "stream": broken}).encode())

    assert repaired == read_request(MESSAGES, json.dumps(fields).encode())


@pytest.mark.parametrize("number", [2**63, 2**64, 10**400, -(2**70), 1e300])
def test_numbers_beyond_any_column_keep_the_other_facts(number: float) -> None:
    facts = read(max_tokens=number, model="m", messages=[{"role": number, "content": "\ud800"}, said("Hi")])

    assert (facts.max_tokens, facts.model, facts.message_count, facts.user_text) == (None, "m", 2, "Hi")


def test_a_text_with_half_an_emoji_beside_a_block_of_no_kind_is_read() -> None:
    content = [{"type": "text", "text": "Half \ud83d"}, 7, {"type": ["text"], "text": "no"}]

    assert read(messages=[{"role": "user", "content": content}]).user_text == "Half ?"


@given(st.binary(max_size=100))
def test_any_bytes_are_read_without_raising(body: bytes) -> None:
    assert read_request("/v1/messages", body).message_count == 0


@pytest.mark.parametrize(
    ("target", "request_type"),
    [
        ("/v1/messages?beta=true", "unknown"),  # only a body says whether it is a conversation
        ("/v1/messages/count_tokens", "count_tokens"),
        ("/v1/models?limit=1", "models"),
        ("/elsewhere", "other"),
    ],
)
def test_of_a_request_without_its_body_the_target_says_what_it_can(target: str, request_type: str) -> None:
    assert read_target(target) == RequestFacts(request_type)
