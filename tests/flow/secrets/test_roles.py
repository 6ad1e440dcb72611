"""Each process of a running Nexus signs in to PostgreSQL as its own role, with a password."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from nexus_project.operations.grants import DASHBOARD, PROXY, ROLES, WORKER
from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from tests import addresses
from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for

ASK = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "who?"}]}


def users(nexus: Nexus, process: Process) -> set[str]:
    return addresses.signed_in_as(nexus.database, process.popen.pid)


def test_proxy_and_worker_are_their_own_roles(nexus: Nexus) -> None:
    nexus.stored(nexus.client().post("/v1/messages", json=ASK).headers["x-nexus-id"])

    assert users(nexus, nexus.proxy) == {PROXY}
    assert users(nexus, nexus.worker) <= {WORKER}
    assert addresses.writers(nexus.database) == {WORKER}


def test_the_dashboard_is_its_own_role(nexus: Nexus, tmp_path: Path) -> None:
    place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), tmp_path)
    log = tmp_path / "dashboard.log"
    dashboard = Process(commands.dashboard(place), nexus.proxy.environment, log).start()
    try:
        assert httpx.get(f"{place.dashboard_url}/health/ready").status_code == 200
        assert users(nexus, dashboard) == {DASHBOARD}
    finally:
        dashboard.stop()


def test_the_dashboard_clears_sessions_when_it_starts(nexus: Nexus, tmp_path: Path) -> None:
    nexus.execute(
        "INSERT INTO django_session VALUES ('long-ago', '', now() - interval '1 day'), ('of-nobody', '', now() + interval '1 day')"
    )
    place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), tmp_path)
    dashboard = Process(
        commands.dashboard(place), nexus.proxy.environment, tmp_path / "dashboard.log"
    ).start()
    try:
        wait_for(lambda: not nexus.rows("SELECT 1 FROM django_session"), 10, dashboard.words)
    finally:
        dashboard.stop()


def test_the_worker_has_no_right_on_sessions(nexus: Nexus) -> None:
    address = addresses.address(nexus.database, "worker")
    with psycopg.connect(address) as opened, pytest.raises(psycopg.errors.InsufficientPrivilege):
        opened.execute("SELECT session_key FROM django_session")


def test_nothing_is_signed_in_as_the_owner(nexus: Nexus) -> None:
    query = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    assert {row["usename"] for row in nexus.rows(query)} <= set(ROLES)


@pytest.mark.parametrize("service", ["proxy", "worker", "dashboard"])
def test_a_wrong_password_lets_no_process_in(nexus: Nexus, service: str) -> None:
    right = addresses.address(nexus.database, service)
    wrong = right.replace(f":{urlsplit(right).password}@", ":wrong@")

    with psycopg.connect(right) as opened:
        assert opened.execute("SELECT current_user").fetchone() == (addresses.BY_SERVICE[service],)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
