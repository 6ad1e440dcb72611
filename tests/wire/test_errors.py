import json

import pytest

from proxy.wire.errors import ErrorKind, error_body


def test_an_error_looks_like_the_api_s_own() -> None:
    body = error_body(ErrorKind.AUTHENTICATION, "Nexus knows no key for “a.example”.", "req_1")

    assert json.loads(body) == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "Nexus knows no key for “a.example”."},
        "request_id": "req_1",
    }


@pytest.mark.parametrize(
    ("status", "types"),
    [
        (400, {"invalid_request_error"}),
        (401, {"authentication_error"}),
        (403, {"permission_error"}),
        (404, {"not_found_error"}),
        (413, {"request_too_large"}),
        (429, {"rate_limit_error", "billing_error"}),
        (431, {"invalid_request_error"}),
        (500, {"api_error"}),
        (502, {"api_error"}),
        (503, {"api_error"}),
        (504, {"timeout_error"}),
        (529, {"overloaded_error"}),
    ],
)
def test_each_status_carries_the_api_s_type(status: int, types: set[str]) -> None:
    assert {kind.type for kind in ErrorKind if kind.status == status} == types


def test_only_a_wait_and_what_nexus_could_not_do_are_worth_a_repeat() -> None:
    worth_it = {kind.status for kind in ErrorKind if not kind.is_final}

    assert worth_it == {408, 429, 500, 502, 503, 504, 529}
    assert ErrorKind.SPEND_LIMIT.is_final
    assert not ErrorKind.RATE_LIMIT.is_final


def test_a_message_that_is_not_unicode_can_still_be_sent() -> None:
    body = error_body(ErrorKind.INVALID_REQUEST, "bad \ud800 header", "")

    assert json.loads(body)["error"]["message"] == "bad ? header"
