"""`manage.py` beside a database that was never migrated, is not there or refuses: real processes, one sentence each."""

import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings

from nexus_project import env

PASSWORD = "pass-word-of-a-canary"
NOBODY = f"postgresql://nexus:{PASSWORD}@127.0.0.1:1/nexus"
COMMANDS = (
    ("oauth_status",),
    ("limits",),
    ("create_client_key", "a.example", "ci"),
    ("set_operator", "ann"),
)


def manage(database: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        env=env.child_environment(
            {
                "DATABASE_URL": database,
                "DJANGO_SETTINGS_MODULE": "nexus_project.settings.dashboard",
                "OPERATOR_PASSWORD": "correct horse",
                **more,
            }
        ),
        cwd=env.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def empty() -> Iterator[str]:
    """The address of a database without a table."""
    at = urlsplit(env.secret("DATABASE_URL") or settings.DATABASE_URL)
    with psycopg.connect(at.geturl(), autocommit=True) as owner:
        owner.execute("CREATE DATABASE never_migrated")
        yield at._replace(path="/never_migrated").geturl()
        owner.execute("DROP DATABASE never_migrated WITH (FORCE)")


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_database_that_was_never_migrated_is_told_in_a_sentence(empty: str, words: tuple[str, ...]) -> None:
    done = manage(empty, *words)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1:] == [
        "nexus: the database has no such tables yet (or older ones): run `python manage.py migrate` first."
    ]
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_is_told_with_its_reason_and_no_password() -> None:
    done = manage(NOBODY, "oauth_status")

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("nexus: the database does not answer: start it or fix DATABASE_URL (")
    assert "refused" in line
    assert PASSWORD not in done.stdout + done.stderr


def test_a_database_that_does_not_exist_is_named(empty: str) -> None:
    done = manage(empty.replace("never_migrated", "never_made"), "limits")

    assert done.returncode == 1
    assert 'database "never_made" does not exist' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_deployment_check_says_in_a_line_that_it_could_not_ask() -> None:
    done = manage(NOBODY, "check", "--deploy", ENABLE_CLIENT_AUTH="false")

    assert done.returncode == 0
    assert done.stderr.count("(accounts.W003) The database could not be asked which domains are open") == 1
    assert "pool" not in done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_the_traceback_is_shown_on_demand(empty: str) -> None:
    done = manage(empty, "oauth_status", "--traceback")

    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "UndefinedTable" in done.stderr
