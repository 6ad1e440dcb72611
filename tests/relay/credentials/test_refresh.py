import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts.access.decision import AccessCredential
from accounts.credentials import files as credential_files
from accounts.snapshot.watcher import Watcher
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.endpoints.oauth import refusal
from nexus_project.demo.serving import serve
from proxy.relay.credentials import refresh
from proxy.relay.credentials.refresh import Refresher
from tests.flow.services import wait_for

GRANT = {"access_token": "sk-ant-oat01-new", "expires_in": 3600}


@pytest.fixture
def endpoint(settings: Settings, tmp_path: Path) -> Iterator[Emulator]:
    settings.DATABASE_URL = ""
    settings.CREDENTIALS_DIR = tmp_path
    with serve(create_app(), http=ConnectionProtocol) as running:
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{running.url}/v1/oauth/token"
        yield running.app


@pytest.fixture
def watcher(endpoint: Emulator, tmp_path: Path) -> Watcher:
    for domain in ("a.example", "b.example"):
        tokens = {"accessToken": "old", "refreshToken": f"sk-ant-ort01-{uuid4().hex}", "expiresAt": 1000}
        content = {"type": "oauth", "accountId": "acc_shared", "oauth": tokens}
        (tmp_path / f"{domain}.credentials.json").write_text(json.dumps(content))
    watcher = Watcher()
    watcher.refresh_now()
    return watcher


def credential(watcher: Watcher, domain: str = "a.example") -> AccessCredential:
    assert watcher.current
    return watcher.current.domains[domain].credentials[0]


async def test_requests_that_wait_for_one_credential_share_one_attempt(
    endpoint: Emulator, watcher: Watcher
) -> None:
    refresher = Refresher(watcher)
    due = credential(watcher)

    await asyncio.gather(*(refresher.refresh(due) for _ in range(10)))

    assert endpoint.oauth.calls == 1
    assert credential(watcher).secret == endpoint.oauth.grants[0]["access_token"]


async def test_two_credentials_of_one_account_are_refreshed_each(
    endpoint: Emulator, watcher: Watcher
) -> None:
    refresher = Refresher(watcher)
    both = [credential(watcher), credential(watcher, "b.example")]

    await asyncio.gather(*map(refresher.refresh, both))

    assert both[0].name == both[1].name
    assert endpoint.oauth.calls == 2
    assert credential(watcher).secret != credential(watcher, "b.example").secret


async def test_a_client_that_leaves_does_not_end_the_attempt_of_the_others(
    endpoint: Emulator, watcher: Watcher
) -> None:
    endpoint.oauth.responses.append(replace(json_response(GRANT), head_pause=0.3))
    refresher = Refresher(watcher)
    due = credential(watcher)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(refresher.refresh(due), 0.05)
    await refresher.refresh(due)

    assert endpoint.oauth.calls == 1
    assert credential(watcher).secret == "sk-ant-oat01-new"


async def test_after_a_failure_there_is_a_pause_and_then_another_try(
    endpoint: Emulator, watcher: Watcher
) -> None:
    endpoint.oauth.responses.append(refusal("server_error", "later", status=500))
    refresher = Refresher(watcher)
    due = credential(watcher)

    await refresher.refresh(due)
    await refresher.refresh(due)
    assert (endpoint.oauth.calls, credential(watcher).secret) == (1, "old")

    refresher._paused[due.key] = (1, time.monotonic())
    await refresher.refresh(due)
    assert endpoint.oauth.calls == 2
    assert credential(watcher).secret.startswith("sk-ant-oat01-")


def test_pauses_grow_are_scattered_and_end_with_a_success(endpoint: Emulator, watcher: Watcher) -> None:
    refresher, due, pauses = Refresher(watcher), credential(watcher), []
    endpoint.oauth.responses.extend([refusal("server_error", "later", status=500)] * 12)

    for _ in range(12):
        refresher._attempt(due)
        pauses.append(refresher._paused[due.key][1] - time.monotonic())
    refresher._attempt(due)

    assert 4.9 < pauses[0] <= 5
    assert 4.9 < pauses[1] <= 10
    assert 9.9 < pauses[2] <= 20
    assert all(149 < pause <= 300 for pause in pauses[-5:])
    assert len(set(pauses[-5:])) == 5
    assert due.key not in refresher._paused


def test_what_is_due_is_refreshed_before_any_request_comes(
    endpoint: Emulator, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "LOOK_SECONDS", 0.01)
    refresher = Refresher(watcher)
    look, broken = refresher._look, [ZeroDivisionError("a bug")]

    def first_a_bug() -> None:
        if broken:
            raise broken.pop()
        look()

    monkeypatch.setattr(refresher, "_look", first_a_bug)

    refresher.start()
    wait_for(lambda: "old" not in {credential(watcher).secret, credential(watcher, "b.example").secret}, 10)
    refresher.stop()

    assert endpoint.oauth.calls == 2
    assert {credential(watcher).secret, credential(watcher, "b.example").secret} == {
        grant["access_token"] for grant in endpoint.oauth.grants
    }


def test_a_process_leaves_in_the_background_what_another_is_at(endpoint: Emulator, watcher: Watcher) -> None:
    refresher, due = Refresher(watcher), credential(watcher)

    with credential_files.locked(Path(due.reference)):
        refresher._attempt(due, patient=False)

    assert endpoint.oauth.calls == 0
    assert due.key not in refresher._paused


def test_without_a_snapshot_nothing_is_due(endpoint: Emulator) -> None:
    Refresher(Watcher())._look()

    assert endpoint.oauth.calls == 0


def test_a_file_whose_token_is_dead_is_told_once_and_refreshed_after_a_login(
    endpoint: Emulator, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.oauth.responses.append(refusal("invalid_grant", "Refresh token not found"))
    due, other = credential(watcher), Watcher()
    other.refresh_now()
    processes = [Refresher(watcher), Refresher(other)]

    def look() -> None:
        """As every second, long after any pause."""
        for process in processes:
            process._watcher.refresh_now()
            process._paused.clear()
            process._look()

    for _ in range(3):
        look()

    reported = [record for record in caplog.records if record.message == "oauth.refresh_failed"]
    assert [record.__dict__["credential"] for record in reported] == [due.name]
    assert endpoint.oauth.calls == 2  # the other credential's is good

    path = Path(due.reference)
    data = json.loads(path.read_text())
    data["oauth"]["refreshToken"] = "sk-ant-ort01-of-a-new-login"
    path.write_text(json.dumps(data))
    look()

    assert credential(watcher).secret == credential(other).secret == endpoint.oauth.grants[-1]["access_token"]
    assert endpoint.oauth.calls == 3
    assert len([record for record in caplog.records if record.message == "oauth.refresh_failed"]) == 1
