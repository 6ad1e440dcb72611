"""docker/build-images.sh and docker/make-secrets.sh."""

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from cryptography.fernet import Fernet

from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import ports
from nexus_project.stack.servers.redis import find_server
from tests.docker import composition
from tests.flow.services import wait_for

# Stands for the engine's client: it writes down how it was called.
ENGINE = """#!/bin/sh
[ "$1" != info ] || exit "${ENGINE_STATUS:-0}"
printf '%s\\n' "$*" >>"$CALLS"
"""


def build(
    folder: Path, *arguments: str, engine: str | None = ENGINE, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the script with the system's commands and, unless `engine` is None, that engine on PATH."""
    if engine:
        program = folder / "engine"
        program.write_text(engine)
        program.chmod(0o755)
    return subprocess.run(
        ["/usr/bin/env", "bash", BASE_DIR / "docker/build-images.sh", *arguments],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "DOCKER": "engine",
            "CALLS": str(folder / "calls"),
            "ENGINE_STATUS": str(status),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_build_images_tags_both_with_latest_and_the_version(tmp_path: Path) -> None:
    done = build(tmp_path, "1.4.0")

    calls = (tmp_path / "calls").read_text().splitlines()
    assert (done.returncode, len(calls)) == (0, 2)
    for name, call in zip(("proxy", "dashboard"), calls, strict=True):
        assert call.startswith(f"build --file docker/{name}/Dockerfile --build-arg VERSION=1.4.0 ")
        assert f"--tag claude-nexus-{name}:latest --tag claude-nexus-{name}:1.4.0 ." in call


def test_build_images_without_a_version_tags_latest(tmp_path: Path) -> None:
    done = build(tmp_path)

    assert done.stdout == "Built claude-nexus-proxy and claude-nexus-dashboard: latest.\n"
    assert set(re.findall(r"--tag (\S+)", (tmp_path / "calls").read_text())) == {
        "claude-nexus-proxy:latest",
        "claude-nexus-dashboard:latest",
    }


def test_build_images_without_docker_says_what_to_install(tmp_path: Path) -> None:
    done = build(tmp_path, engine=None)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"build-images: engine is not on PATH: install Docker .*\n", done.stderr)


def test_build_images_without_an_engine_says_how_to_start_it(tmp_path: Path) -> None:
    done = build(tmp_path, status=1)

    assert done.returncode == 1
    assert "its engine does not answer: start it" in done.stderr
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a/b",), "cannot be a tag"),
        (("--push",), "--push is no option"),
        (("1", "2"), "one VERSION at most"),
    ],
)
def test_build_images_refuses_what_it_does_not_know(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = build(tmp_path, *arguments)

    assert done.returncode == 1
    assert words in done.stderr


def test_both_scripts_explain_themselves(clone: Path, tmp_path: Path) -> None:
    assert build(tmp_path, "--help").stdout.startswith("Usage: docker/build-images.sh [VERSION]\n")
    assert make_secrets(clone, "--help").stdout.startswith("Usage: docker/make-secrets.sh\n")
    assert not (clone / "secrets").exists()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that has nothing but the script."""
    (tmp_path / "docker").mkdir()
    shutil.copy2(BASE_DIR / "docker/make-secrets.sh", tmp_path / "docker")
    return tmp_path


def make_secrets(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = [str(clone / "docker/make-secrets.sh"), *arguments]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def secret(clone: Path, name: str) -> str:
    return (clone / "secrets" / name).read_text().strip()


def test_make_secrets_makes_every_file_that_compose_names(clone: Path) -> None:
    done = make_secrets(clone)

    named = {Path(each["file"]).name for each in composition.load()["secrets"].values()}
    assert (done.returncode, {path.name for path in (clone / "secrets").iterdir()}) == (0, named)
    Fernet(secret(clone, "field_encryption_keys"))
    assert len(base64.b64decode(secret(clone, "body_encryption_keys"), validate=True)) == 32
    assert len(secret(clone, "secret_key")) >= 50
    assert urlsplit(secret(clone, "database_url")).password == secret(clone, "postgres_password")
    assert f"requirepass {urlsplit(secret(clone, 'redis_url')).password}" == secret(clone, "redis.conf")


@pytest.mark.parametrize("role", ["proxy", "worker", "dashboard"])
def test_each_role_has_an_address_with_the_password_that_it_is_given(clone: Path, role: str) -> None:
    make_secrets(clone)

    address = urlsplit(secret(clone, f"{role}_database_url"))
    assert (address.username, address.password) == (f"nexus_{role}", secret(clone, f"{role}_db_password"))
    assert address._replace(netloc="") == urlsplit(secret(clone, "database_url"))._replace(netloc="")


def test_a_folder_of_before_the_roles_gets_theirs_and_keeps_the_rest(clone: Path) -> None:
    make_secrets(clone)
    older = {path: path.read_text() for path in (clone / "secrets").iterdir()}
    theirs = [path for path in older if re.match("(proxy|worker|dashboard)_d", path.name)]
    for path in theirs:
        path.unlink()
        del older[path]

    done = make_secrets(clone)

    assert (done.returncode, len(theirs), all(path.exists() for path in theirs)) == (0, 6, True)
    assert {path: path.read_text() for path in older} == older
    assert "lacks nothing" in make_secrets(clone).stdout


@pytest.mark.parametrize("given", ["", "S2V5T25l+/S2V5VHdv=,b2xk", '"S2V5T25l="'])
def test_an_older_folder_gets_the_key_of_bodies_or_those_that_the_settings_give(
    clone: Path, given: str
) -> None:
    make_secrets(clone)
    path = clone / "secrets/body_encryption_keys"
    first = path.read_text()
    path.unlink()
    older = {path: path.read_text() for path in (clone / "secrets").iterdir()}
    (clone / ".env").write_text(f"BODY_ENCRYPTION_KEYS={given}\nBODY_ENCRYPTION=true\n")

    done = make_secrets(clone)

    assert done.returncode == 0
    assert path.read_text().strip() == given.strip('"') or (not given and path.read_text() != first)
    assert path.read_text().strip() not in done.stdout
    assert {path: path.read_text() for path in older} == older


def test_secrets_are_readable_in_containers_and_closed_to_this_machines_users(clone: Path) -> None:
    make_secrets(clone)

    assert (clone / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (clone / "secrets").iterdir()} == {0o444}


def test_make_secrets_never_overwrites_and_shows_no_secret(clone: Path) -> None:
    first, before = make_secrets(clone), secret(clone, "field_encryption_keys")

    again = make_secrets(clone)

    # A success: it is a step of every new version.
    assert (again.returncode, secret(clone, "field_encryption_keys")) == (0, before)
    assert "lacks nothing, and nothing was changed" in again.stdout
    shown = first.stdout + first.stderr + again.stdout + again.stderr
    assert not [path for path in (clone / "secrets").iterdir() if path.read_text().split()[-1] in shown]


def test_a_folder_of_somebody_elses_is_left_alone(clone: Path) -> None:
    (clone / "secrets").mkdir()

    done = make_secrets(clone)

    assert (done.returncode, list((clone / "secrets").iterdir())) == (1, [])
    assert "is not of this script: move it away" in done.stderr


def test_a_new_version_is_told_to_run_it_before_it_starts() -> None:
    [row] = [
        line for line in (BASE_DIR / "docs/docker.md").read_text().splitlines() if "| new version |" in line
    ]

    assert 0 < row.index("docker/make-secrets.sh") < row.index("docker compose up")


def test_every_installation_has_its_own_secrets(clone: Path) -> None:
    make_secrets(clone)
    (clone / "secrets").rename(clone / "older")

    make_secrets(clone)

    older = {path.read_text() for path in (clone / "older").iterdir()}
    assert not [path.name for path in (clone / "secrets").iterdir() if path.read_text() in older]


def test_redis_takes_composes_command_and_demands_the_password(clone: Path) -> None:
    make_secrets(clone)
    port = ports.free()
    here = {
        "redis-server": str(find_server()),
        "/run/secrets/redis.conf": str(clone / "secrets/redis.conf"),
        "/data": str(clone),
    }
    command = [here.get(word, word) for word in composition.services(DASHBOARD_URL="x")["redis"]["command"]]
    with Path(os.devnull).open("ab") as nowhere:
        server = subprocess.Popen([*command, "--bind", "127.0.0.1", "--port", str(port)], stdout=nowhere)

    try:
        with redis.Redis(port=port, password=secret(clone, "redis.conf").split()[1]) as client:
            wait_for(lambda: responds(client), 10)
            assert client.config_get("appendonly") == {"appendonly": "yes"}
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        server.terminate()
        server.wait(10)


def responds(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
