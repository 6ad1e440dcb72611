import httpx
import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from tests.demo.conftest import ASK

VERSION = {"anthropic-version": "2023-06-01"}
TOKEN = "sk-ant-oat01-abc"


def post(emulator: Running[Emulator], headers: dict[str, str]) -> httpx.Response:
    return httpx.post(
        f"{emulator.url}/v1/messages", json=ASK, headers={**VERSION, **headers}, trust_env=False
    )


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "x-api-key header is required"),
        ({"x-api-key": "revoked"}, "invalid x-api-key"),
        ({"authorization": "Bearer something"}, "Invalid bearer token"),
        ({"authorization": f"Bearer {TOKEN}"}, "OAuth authentication is currently not supported"),
    ],
)
def test_a_request_without_a_good_credential_is_refused(
    emulator: Running[Emulator], headers: dict[str, str], words: str
) -> None:
    emulator.app.revoked.add("revoked")

    response = post(emulator, headers)

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"
    assert words in response.json()["error"]["message"]


def test_an_oauth_token_passes_with_its_beta_and_is_told_its_windows(emulator: Running[Emulator]) -> None:
    response = post(emulator, {"authorization": f"Bearer {TOKEN}", "anthropic-beta": "a,oauth-2025-04-20"})

    assert response.status_code == 200
    assert response.headers["anthropic-ratelimit-unified-status"] == "allowed"
    assert "anthropic-ratelimit-tokens-limit" not in response.headers
    assert emulator.app.log[0].credential == TOKEN


def test_an_api_key_is_told_its_limits(emulator: Running[Emulator]) -> None:
    response = post(emulator, {"x-api-key": "sk-ant-api03-x"})

    assert int(response.headers["anthropic-ratelimit-requests-remaining"]) > 0
    assert response.headers["anthropic-organization-id"]
    assert emulator.app.log[0].credential == "sk-ant-api03-x"


def test_a_revoked_token_is_refused(emulator: Running[Emulator]) -> None:
    emulator.app.revoked.add(TOKEN)

    response = post(emulator, {"authorization": f"Bearer {TOKEN}", "anthropic-beta": "oauth-2025-04-20"})

    assert "revoked" in response.json()["error"]["message"]


def test_a_key_as_bearer_is_taken_from_the_newest_api_version_on(emulator: Running[Emulator]) -> None:
    key = {"authorization": "Bearer sk-ant-api03-x"}

    assert post(emulator, {**key, "anthropic-version": "2026-10-21"}).status_code == 200
    assert post(emulator, key).status_code == 401


def test_a_request_without_api_version_is_refused(emulator: Running[Emulator]) -> None:
    response = httpx.post(
        f"{emulator.url}/v1/messages", json=ASK, headers={"x-api-key": "k"}, trust_env=False
    )

    assert "anthropic-version" in response.json()["error"]["message"]


def test_an_unknown_path_is_not_found_in_the_api_s_shape(http: httpx.Client) -> None:
    response = http.get("/v1/nothing")

    assert response.status_code == 404
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "not_found_error"
