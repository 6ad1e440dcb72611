"""A database whose bodies are one piece each keeps them when manifests come, and ingest goes on while a migration waits."""

import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import zstandard

from nexus_project import env
from tests.store.records import NOON, uuid7

BODIES = (b'{"model":"a"}' * 100, b"")
READ = """
import sys, uuid, django
django.setup()
from proxy.store.bodies.blobs import body_of
sys.stdout.buffer.write(body_of(uuid.UUID(sys.argv[1]), "request") + b"|" + body_of(uuid.UUID(sys.argv[1]), "response"))
"""


@pytest.fixture
def database() -> Iterator[str]:
    address = env.secret("DATABASE_URL")
    name = f"migration_{uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield urlsplit(address)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def begin(database: str, *arguments: str) -> "subprocess.Popen[str]":
    settings = {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "nexus_project.settings.dashboard"}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=env.BASE_DIR,
        env=env.child_environment(settings),
        stderr=subprocess.PIPE,
        text=True,
    )


def run(database: str, *arguments: str) -> bytes:
    settings = {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "nexus_project.settings.dashboard"}
    environment = env.child_environment(settings)
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=env.BASE_DIR, env=environment, check=True, stdout=subprocess.PIPE
    ).stdout


def insert_as_before(database: str, exchange: str) -> None:
    digests = [[sha256(body).digest()] if body else [] for body in BODIES]
    with psycopg.connect(database) as connection:
        connection.execute("SELECT nexus_ensure_month(%s)", [NOON.date()])
        connection.execute(
            "INSERT INTO proxy_blob (month, digest, data, size) VALUES (%s, %s, %s, %s)",
            [NOON.date().replace(day=1), digests[0][0], zstandard.compress(BODIES[0]), len(BODIES[0])],
        )
        connection.execute(
            "INSERT INTO proxy_exchangebody VALUES (%s, '[]', '[]', %s::bytea[], %s::bytea[], false, false, '')",
            [exchange, *digests],
        )


def test_bodies_of_before_survive_the_migration_to_manifests(database: str) -> None:
    exchange = str(uuid7())
    run(database, "manage.py", "migrate", "-v0", "proxy", "0003")
    insert_as_before(database, exchange)

    run(database, "manage.py", "migrate", "-v0")

    assert run(database, "-c", READ, exchange) == b"|".join(BODIES)


def test_ingest_goes_before_a_migration_that_a_backup_holds_up(database: str) -> None:
    run(database, "manage.py", "migrate", "-v0", "proxy", "0019")
    waits = [0.0]
    with psycopg.connect(database) as backup, psycopg.connect(database, autocommit=True) as worker:
        backup.execute("LOCK proxy_exchange IN ACCESS SHARE MODE")
        worker.execute("SET statement_timeout = '20s'")
        with begin(database, "manage.py", "migrate", "-v0", "proxy", "0020") as migration:
            assert migration.stderr
            deadline = time.monotonic() + 60
            while max(waits) < 1:  # until the migration was in the way once
                began = time.monotonic()
                assert began < deadline, "it waited for nothing"
                worker.execute("DELETE FROM proxy_exchange WHERE false")
                waits.append(time.monotonic() - began)
            complaint = migration.stderr.readline()
            backup.rollback()

    assert "Ingest goes first" in complaint
    assert max(waits) < 5
    assert migration.returncode == 0
    with psycopg.connect(database) as reader:
        assert reader.execute("SELECT count(left_organisation) FROM proxy_exchange").fetchone() == (0,)
