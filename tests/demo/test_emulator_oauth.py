from typing import Any

import httpx
import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.emulator.endpoints.oauth import refusal
from nexus_project.demo.serving import Running

REFRESH = {"grant_type": "refresh_token", "refresh_token": "sk-ant-ort01-first", "client_id": "c"}
CODE = {
    "grant_type": "authorization_code",
    "code": "abc",
    "client_id": "c",
    "redirect_uri": "http://localhost/callback",
    "code_verifier": "v",
}


def token(emulator: Running[Emulator], **form: Any) -> httpx.Response:
    return httpx.post(f"{emulator.url}/v1/oauth/token", trust_env=False, **form)


def test_a_refresh_token_is_rotated_and_works_once(emulator: Running[Emulator]) -> None:
    first = token(emulator, json=REFRESH)
    again = token(emulator, json=REFRESH)
    next_one = token(emulator, json={**REFRESH, "refresh_token": first.json()["refresh_token"]})

    assert first.json()["access_token"].startswith("sk-ant-oat01-")
    assert first.json()["expires_in"] == 28_800
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert next_one.json() == emulator.app.oauth.grants[-1]
    assert emulator.app.oauth.calls == 3


def test_a_code_is_exchanged_once_also_as_a_form(emulator: Running[Emulator]) -> None:
    assert token(emulator, data=CODE).status_code == 200
    assert token(emulator, data=CODE).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({}, "unsupported_grant_type"),
        ({**REFRESH, "client_id": ""}, "invalid_request"),
        ({**REFRESH, "refresh_token": "made-up"}, "invalid_grant"),
    ],
)
def test_a_bad_grant_is_refused(emulator: Running[Emulator], form: dict[str, str], problem: str) -> None:
    response = token(emulator, json=form)

    assert (response.status_code, response.json()["error"]) == (400, problem)


def test_the_next_answers_can_be_scripted(emulator: Running[Emulator]) -> None:
    emulator.app.oauth.responses.append(refusal("server_error", "try later", status=503))

    assert token(emulator, json=REFRESH).status_code == 503
    assert token(emulator, json=REFRESH).status_code == 200


def test_usage_tells_both_windows(emulator: Running[Emulator]) -> None:
    headers = {"authorization": "Bearer sk-ant-oat01-x", "anthropic-beta": "oauth-2025-04-20"}

    usage = httpx.get(f"{emulator.url}/api/oauth/usage", headers=headers, trust_env=False).json()

    assert usage.keys() >= {"five_hour", "seven_day"}
    assert 0 <= usage["five_hour"]["utilization"] <= 100
