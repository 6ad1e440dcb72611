"""Which role of PostgreSQL each service of the stack signs in as."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from nexus_project import env
from nexus_project.env import SettingError
from nexus_project.operations.grants import DASHBOARD, PROXY, ROLES, WORKER
from nexus_project.operations.roles import ADDRESS_SETTINGS
from nexus_project.stack import environment
from nexus_project.stack.errors import StackError
from nexus_project.stack.servers.postgres import Postgres
from nexus_project.stack.supervision import addresses, commands
from nexus_project.stack.supervision.commands import Deployment, Service
from tests.addresses import signed_in_as
from tests.stack.conftest import Commands
from tests.stack.test_postgres import home, mode, running
from tests.stack.test_services import started

OWN = {
    "PROXY_DATABASE_URL": "postgresql://nexus_proxy:p@192.0.2.1/n",
    "WORKER_DATABASE_URL": "postgresql://nexus_worker:w@192.0.2.1/n",
    "DASHBOARD_DATABASE_URL": "postgresql://nexus_dashboard:d@192.0.2.1/n",
}
PLACE = Deployment("127.0.0.1", 3000, 3001, Path("/data"))
SERVICES = [commands.proxy(PLACE), commands.worker(), commands.beat(PLACE), commands.dashboard(PLACE)]
USERS = {"proxy": PROXY, "worker": WORKER, "beat": WORKER, "dashboard": DASHBOARD}


@pytest.fixture
def settings_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """DATABASE_URL is the owner's and no role has an address."""
    for name in ("DATABASE_URL", *OWN):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:o@192.0.2.1/n")
    return monkeypatch


@pytest.mark.parametrize("service", SERVICES, ids=lambda item: item.name)
def test_a_service_reads_its_roles_address_and_holds_no_other(
    settings_of_the_stack: pytest.MonkeyPatch, tmp_path: Path, service: Service
) -> None:
    (tmp_path / "owner").write_text("postgresql://owner:o@192.0.2.1/n")
    settings_of_the_stack.setenv("DATABASE_URL_FILE", str(tmp_path / "owner"))
    for name, url in OWN.items():
        settings_of_the_stack.setenv(name, url)

    seen = env.child_environment(addresses.given(service).environment)

    assert urlsplit(seen["DATABASE_URL"]).username == USERS[service.name]
    assert seen["DATABASE_URL_FILE"] == ""
    assert [seen[name] for name in OWN] == ["", "", ""]


@pytest.mark.parametrize("service", SERVICES, ids=lambda item: item.name)
def test_without_addresses_of_roles_all_use_the_one_that_is_set(
    settings_of_the_stack: pytest.MonkeyPatch, service: Service
) -> None:
    assert addresses.given(service) == service


def test_a_roles_address_may_come_from_a_file(
    settings_of_the_stack: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "proxy").write_text(OWN["PROXY_DATABASE_URL"])
    settings_of_the_stack.setenv("PROXY_DATABASE_URL_FILE", str(tmp_path / "proxy"))

    found = addresses.given(commands.proxy(PLACE))

    assert found.environment["DATABASE_URL"] == OWN["PROXY_DATABASE_URL"]
    assert addresses.given(commands.worker()) == commands.worker()


def test_migrations_keep_the_owners_address(settings_of_the_stack: pytest.MonkeyPatch) -> None:
    for name, url in OWN.items():
        settings_of_the_stack.setenv(name, url)

    assert addresses.given(commands.migrate()) == commands.migrate()


def test_roles_without_an_owner_are_refused_with_advice(
    settings_of_the_stack: pytest.MonkeyPatch, data_dir: Path
) -> None:
    settings_of_the_stack.setenv("DATABASE_URL", "")
    settings_of_the_stack.setenv("PROXY_DATABASE_URL", OWN["PROXY_DATABASE_URL"])

    with pytest.raises(SettingError, match="DATABASE_URL is not set, but PROXY_DATABASE_URL"):
        environment.servers(data_dir)


def test_rights_that_cannot_be_given_stop_the_start_with_one_sentence(
    settings_of_the_stack: pytest.MonkeyPatch, data_dir: Path, run_dir: Path
) -> None:
    with running(data_dir, run_dir) as server:
        for name, url in server.urls.items():
            settings_of_the_stack.setenv(name, url)

        with pytest.raises(StackError, match=r"could not be given their rights.*does not exist"):
            addresses.grant()


def test_without_addresses_of_roles_no_right_is_touched(settings_of_the_stack: pytest.MonkeyPatch) -> None:
    addresses.grant()  # 192.0.2.1 answers nobody


def whoever(server: Postgres) -> list[object]:
    found: list[object] = []
    for role in ROLES:
        with psycopg.connect(server.urls[ADDRESS_SETTINGS[role]]) as opened:
            found.append(opened.execute("SELECT current_user").fetchone())
    return found


def test_the_embedded_server_keeps_the_roles_passwords_beside_the_owners(
    data_dir: Path, run_dir: Path
) -> None:
    files = [home(data_dir) / f"password.{role}" for role in ROLES]
    with running(data_dir, run_dir) as first:
        assert whoever(first) == [(role,) for role in ROLES]
        kept = [file.read_text() for file in files]

    with running(data_dir, run_dir) as second:
        assert whoever(second) == [(role,) for role in ROLES]

    assert [file.read_text() for file in files] == kept
    assert len({*kept, (home(data_dir) / "password").read_text()}) == 4
    assert {mode(file) for file in files} == {0o600}


def test_a_cluster_of_before_the_roles_gets_them(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir) as first, psycopg.connect(first.url, autocommit=True) as owner:
        for role in ROLES:
            owner.execute(f"DROP ROLE {role}".encode())
            (home(data_dir) / f"password.{role}").unlink()

    with running(data_dir, run_dir) as second:
        assert whoever(second) == [(role,) for role in ROLES]


@pytest.mark.parametrize(
    ("name", "role", "ready"),
    [("proxy", PROXY, "proxy ready"), ("dashboard", DASHBOARD, "dashboard ready")],
)
def test_a_service_of_the_stack_is_signed_in_as_its_role(
    commands: Commands, name: str, role: str, ready: str
) -> None:
    with started(commands, name, ready) as process:
        asked = [sys.executable, "-m", "nexus_project.stack", "servers", "--", sys.executable, "-c"]
        script = "import os; print(os.environ['DATABASE_URL'])"
        url = subprocess.check_output(
            [*asked, script], cwd=env.BASE_DIR, env=env.child_environment(commands.environment), text=True
        ).strip()

        assert signed_in_as(url, process.pid) == {role}
