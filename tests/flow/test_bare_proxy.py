"""A proxy alone, as `docker run` of its image starts it: no PostgreSQL, no Redis, files and environment serve."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from nexus_project.stack import commands, ports
from tests.flow import wire
from tests.flow.services import Process, wait_for

OPERATOR_KEY = "sk-ant-api03-from-the-environment"


@pytest.fixture(scope="module")
def start(emulator: Running[Emulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator["Starter"]:
    starter = Starter(emulator, tmp_path_factory)
    yield starter
    for process in starter.started:
        process.stop()


class Starter:
    """Starts proxies that have nothing but files and the environment."""

    def __init__(self, emulator: Running[Emulator], folders: pytest.TempPathFactory) -> None:
        self.emulator = emulator
        self.started: list[Process] = []
        self._folders = folders

    def __call__(self, **settings: str) -> "Bare":
        folder = self._folders.mktemp("bare")
        place = commands.Place("127.0.0.1", ports.free(), ports.free(), folder)
        nothing = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"), "")
        environment = {
            **nothing,
            "CLAUDE_API_BASE_URL": self.emulator.url,
            "CREDENTIALS_DIR": str(folder),
            "NEXUS_DATA_DIR": str(folder / "var"),
            **settings,
        }
        process = Process(commands.proxy(place), environment, folder / "proxy.log").start()
        self.started.append(process)
        return Bare(process, place.proxy_url, folder, self.emulator)


class Bare:
    """A running proxy and its folder of credentials."""

    def __init__(self, process: Process, url: str, folder: Path, emulator: Running[Emulator]) -> None:
        self.process, self.url, self.folder, self._emulator = process, url, folder, emulator

    def paid(self, host: str, *headers: tuple[str, bytes]) -> tuple[int, str | None]:
        """The answer's status, and the credential that upstream saw."""
        mark = uuid4().hex
        sent = [("anthropic-version", b"2023-06-01"), ("x-test-id", mark.encode()), *headers]
        status = wire.send(self.url, wire.request_bytes("GET", "/v1/models", sent, host=host)).status
        seen = [entry.credential for entry in self._emulator.app.log if entry.value("x-test-id") == mark]
        return status, seen[0] if seen else None


@pytest.fixture(scope="module")
def bare(start: Starter) -> Bare:
    return start(CLAUDE_API_KEY=OPERATOR_KEY)


@pytest.mark.parametrize(
    "host", ["localhost:3000", "LOCALHOST:3000", "Api.Example", "api.example:8443", "[::1]:3000"]
)
def test_e0_a_file_named_after_the_host_pays_with_its_port_or_without(bare: Bare, host: str) -> None:
    names = {"localhost:3000": "localhost:3000", "api.example": "api.example", "[::1]:3000": "[::1]:3000"}
    name = names.get(host.lower(), "api.example")
    file = {"type": "api_key", "api_key": f"sk-ant-api03-file-{name}"}
    (bare.folder / f"{name}.credentials.json").write_text(json.dumps(file))

    wait_for(lambda: bare.paid(host) == (200, f"sk-ant-api03-file-{name}"), 3)


def test_e0_the_request_pays_before_claude_api_key(bare: Bare) -> None:
    assert bare.paid("nobody.example", ("x-api-key", b"sk-ant-api03-mine")) == (200, "sk-ant-api03-mine")
    assert bare.paid("nobody.example", ("authorization", b"Bearer sk-ant-oat01-mine")) == (
        200,
        "sk-ant-oat01-mine",
    )
    assert bare.paid("nobody.example") == (200, OPERATOR_KEY)


def test_e0_where_nobody_pays_the_answer_says_what_to_do(start: Starter) -> None:
    bare = start(CLAUDE_API_KEY="")

    answer = wire.send(bare.url, wire.request_bytes("GET", "/v1/models", [], host="poor.example"))

    error = json.loads(answer.body)["error"]
    assert (answer.status, error["type"]) == (401, "authentication_error")
    assert "poor.example" in error["message"]
    assert "x-api-key" in error["message"]


def test_without_postgresql_token_stats_say_what_is_missing(bare: Bare) -> None:
    answer = wire.send(bare.url, wire.request_bytes("GET", "/token-stats", []))

    assert answer.status == 503
    assert "DATABASE_URL" in json.loads(answer.body)["error"]["message"]


def test_a_forwarded_host_counts_only_from_a_trusted_proxy(bare: Bare, start: Starter) -> None:
    forwarded = ("x-forwarded-host", b"inner.example")
    trusting = start(CLAUDE_API_KEY=OPERATOR_KEY, TRUSTED_PROXIES="127.0.0.0/8")
    distrusting = start(CLAUDE_API_KEY=OPERATOR_KEY, TRUSTED_PROXIES="10.0.0.0/8")
    for each in (bare, trusting, distrusting):
        file = {"type": "api_key", "api_key": "sk-ant-api03-inner"}
        (each.folder / "inner.example.credentials.json").write_text(json.dumps(file))
        wait_for(lambda: each.paid("inner.example")[1] == "sk-ant-api03-inner", 3)  # noqa: B023 - used at once

    assert trusting.paid("outer.example", forwarded) == (200, "sk-ant-api03-inner")
    assert bare.paid("outer.example", forwarded) == (200, OPERATOR_KEY)
    assert distrusting.paid("outer.example", forwarded) == (200, OPERATOR_KEY)


def test_the_warning_names_who_was_passed_over_and_who_paid(bare: Bare) -> None:
    oauth = {"accessToken": "sk-ant-oat01-x", "refreshToken": "", "expiresAt": 1}
    dead = {"type": "oauth", "accountId": "acc_dead", "oauth": oauth}
    (bare.folder / "dead.example.credentials.json").write_text(json.dumps(dead))

    def warning() -> str:
        bare.paid("dead.example")
        return next((line for line in bare.process.words().splitlines() if "access.passed_over" in line), "")

    wait_for(warning, 3)
    assert all(word in warning() for word in ("dead.example", "acc_dead", "environment:CLAUDE_API_KEY"))


def test_what_no_file_can_be_named_after_pays_nothing_of_anybody(bare: Bare) -> None:
    for host in ("../inner.example", "a/b", "%2e%2e", "a\\b", "", ".", ".."):
        assert bare.paid(host)[0] == 400


def test_a_bare_proxy_has_no_traceback(bare: Bare) -> None:
    assert bare.paid("nobody.example")[0] == 200
    assert "Traceback" not in bare.process.words()
