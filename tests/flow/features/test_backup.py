"""The commands of docs/operations.md#backup-and-restore, word for word, against a Nexus that runs."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import httpx
import psycopg
import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.servers import postgres_home
from tests.flow.conftest import Nexus, make_database
from tests.store.agent_session import AgentSession

OPERATIONS = (BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
CHAPTER = OPERATIONS.partition("## Backup and restore\n")[2].partition("\n## ")[0]
DUMP, RESTORE, EMBEDDED = re.findall(r"```sh\n(.*?)```", CHAPTER, re.DOTALL)

# Dump, restore and a dozen commands, each a process of its own.
pytestmark = pytest.mark.timeout(400)

SECRET = "sk-ant-api03-of-the-restored-team-0001"
ADD_CREDENTIAL = f"""
from accounts.models import *
domain = Domain.objects.create(name="team.example")
Credential.objects.create(domain=domain, name="team", kind="api_key", api_key="{SECRET}")
"""
READ_CREDENTIAL = "from accounts.models import *; print(Credential.objects.get().api_key, AccessVersion.objects.get().version)"
# As a worker would: a record of this month and one of a month that has no partitions yet.
INGEST = """
from datetime import *
from proxy.store.ingest.batch import ingest
from tests.store.records import *
heads = [make_head(), make_head(datetime(2031, 5, 1, tzinfo=UTC))]
print(ingest(make_batch(*(make_record(head=head) for head in heads))))
"""
EXPORT = ".venv/bin/python manage.py export_traffic"
SUMS = """
SELECT (SELECT count(*) FROM proxy_exchange), (SELECT count(*) FROM proxy_exchangebody), (SELECT count(*) FROM proxy_receipt),
    (SELECT sum(requests)::bigint FROM proxy_domaintotal), (SELECT sum(requests)::bigint FROM proxy_rollup),
    (SELECT sum(stored)::bigint FROM proxy_spool)
"""


@dataclass
class Restored:
    """A database from a dump; `sums` and `exported` are as they were before any test wrote to it.

    `place` looks like the repository, and files may be made there.
    """

    live: str
    address: str
    place: Path
    before: int
    migrated: str
    sums: tuple[int, ...]
    exported: list[str]

    def sh(self, lines: str, database: str = "") -> str:
        return sh(self.place, lines, database or self.address)

    def python(self, code: str) -> str:
        return self.sh(f".venv/bin/python manage.py shell --no-imports -c '{code}'").strip()


def sh(place: Path, lines: str, database: str, restored: str = "") -> str:
    programs = postgres_home.packaged() / "bin"
    path = env.text("PATH")
    environment = env.child_environment(
        {
            "DATABASE_URL": database,
            "RESTORED_URL": restored,
            "PATH": f"{programs}:{path}",
            "NEXUS_ENV_FILE": str(place / "made.env"),
            "DJANGO_SETTINGS_MODULE": "nexus_project.settings.dashboard",
        }
    )
    done = subprocess.run(
        ["/bin/sh", "-ec", lines],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for path in BASE_DIR.iterdir():
        if not path.name.startswith((".venv", ".env")):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "made.env").touch(mode=0o600)
    return folder


@pytest.fixture(scope="module")
def restored(make_nexus: Callable[..., Nexus], place: Path) -> Restored:
    nexus = make_nexus()
    sh(place, f".venv/bin/python manage.py shell --no-imports -c '{ADD_CREDENTIAL}'", nexus.database)
    nexus.execute("CREATE ROLE backup_reader")
    nexus.execute("GRANT SELECT ON proxy_exchange TO backup_reader")
    before = _send(nexus, 8)
    address = make_database()
    with _traffic(nexus):
        sh(place, DUMP, nexus.database)
        # As on another server, which has no such role.
        nexus.execute("DROP OWNED BY backup_reader")
        nexus.execute("DROP ROLE backup_reader")
        output = sh(place, RESTORE, nexus.database, address)
    with psycopg.connect(address) as there:
        [sums] = there.execute(SUMS).fetchall()
    return Restored(
        nexus.database, address, place, before, output, sums, sh(place, EXPORT, address).splitlines()
    )


def _send(nexus: Nexus, turns: int) -> int:
    """A session of an agent, streams all; how many exchanges are stored then."""
    client = nexus.client()
    for body in AgentSession().requests(turns):
        response = client.post("/v1/messages", content=body, headers={"content-type": "application/json"})
        assert response.status_code == 200
    nexus.stored(response.headers["x-nexus-id"])
    [row] = nexus.rows("SELECT count(*) AS count FROM proxy_exchange")
    return int(row["count"])


@contextmanager
def _traffic(nexus: Nexus) -> Iterator[None]:
    """Requests, one after the other, as long as the context lasts; records are stored meanwhile."""
    ended, sent = Event(), Event()

    def send() -> None:
        with httpx.Client(base_url=nexus.url, timeout=20) as client:
            while not ended.is_set():
                client.post(
                    "/v1/messages", json={"model": "claude-sonnet-5", "max_tokens": 9, "messages": []}
                )
                sent.set()

    thread = Thread(target=send)
    thread.start()
    assert sent.wait(10)
    yield
    ended.set()
    thread.join()


def test_the_dump_is_one_moment_of_a_database_that_is_written_to(restored: Restored) -> None:
    with psycopg.connect(restored.live) as live:
        [later] = live.execute(SUMS).fetchall()

    assert len(set(restored.sums)) == 1
    assert restored.before <= restored.sums[0] < later[0]


def test_migrate_has_nothing_to_do(restored: Restored) -> None:
    assert "No migrations to apply." in restored.migrated


def test_every_exchange_of_the_dump_is_the_same_with_its_bodies(restored: Restored) -> None:
    live = restored.sh(EXPORT, restored.live).splitlines()

    assert len(restored.exported) == restored.sums[0]
    assert set(restored.exported) <= set(live)
    assert all('"response_body"' in line for line in restored.exported)


def test_credentials_can_be_read_and_a_change_counts(restored: Restored) -> None:
    secret, before = restored.python(READ_CREDENTIAL).split()
    with psycopg.connect(restored.address) as there:
        there.execute("UPDATE accounts_domain SET name = 'renamed.example'")

    assert secret == SECRET
    assert int(restored.python(READ_CREDENTIAL).split()[1]) > int(before)


def test_ingest_goes_on_in_the_restored_database_and_makes_new_months(restored: Restored) -> None:
    with psycopg.connect(restored.address) as there:
        before = there.execute(SUMS).fetchone()

    assert restored.python(INGEST) == "2"

    with psycopg.connect(restored.address) as there:
        after = there.execute(SUMS).fetchone()
        assert there.execute("SELECT to_regclass('proxy_exchange_2031_05')").fetchone() != (None,)
    assert before
    assert after == tuple(count + 2 for count in before)


def test_the_line_for_the_embedded_server_writes_the_same_dump(restored: Restored) -> None:
    restored.sh(EMBEDDED)

    listed = restored.sh("pg_restore --list nexus.dump")
    assert "TABLE DATA public proxy_exchange" in listed
    assert "FUNCTION public nexus_ensure_month" in listed
