"""Rules that both Dockerfiles keep."""

import re
from pathlib import Path

import pytest

from nexus_project.env import BASE_DIR
from nexus_project.stack.supervision import commands
from nexus_project.stack.supervision.commands import Deployment
from tests.docker import dockerfile
from tests.docker.dockerfile import Ignore

IMAGES = ("proxy", "dashboard")
IN_THE_IMAGE = Path("/var/lib/nexus")


def words_of(image: str) -> list[str]:
    """The image's CMD."""
    return dockerfile.read(image)[-1].last("CMD").exec_form


@pytest.mark.parametrize("image", IMAGES)
def test_it_has_a_build_stage_and_a_final_one_on_the_same_pinned_base(image: str) -> None:
    assert [(stage.base, stage.name) for stage in dockerfile.read(image)] == [
        ("python:3.13-slim", "build"),
        ("python:3.13-slim", ""),
    ]


@pytest.mark.parametrize("image", IMAGES)
def test_its_user_is_a_number_and_not_root(image: str) -> None:
    final = dockerfile.read(image)[-1]
    user = final.last("USER").value
    made = next(each for each in final.all("RUN") if "useradd" in each.value)

    assert re.fullmatch(r"([1-9]\d+):\1", user)
    assert f"--uid {user.partition(':')[0]} " in made.value
    assert f"chown -R {user} {IN_THE_IMAGE}" in final.all("RUN")[-1].value


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_is_installed_in_the_final_stage(image: str) -> None:
    final = dockerfile.read(image)[-1]

    assert not [each for each in final.all("RUN") if re.search(r"\b(pip|apt|apt-get|curl|gcc)\b", each.value)]
    assert all(each.value.startswith("--from=build ") for each in final.all("COPY"))


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_is_checked_against_its_hash(image: str) -> None:
    installs = [each.value for each in dockerfile.read(image)[0].all("RUN") if " install " in each.value]

    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert installs[0].endswith("-r requirements/base.txt")


def test_both_images_share_the_layers_with_the_packages() -> None:
    first, second = (dockerfile.read(name)[0].instructions for name in IMAGES)

    assert [each.keyword for each in first[:4]] == ["WORKDIR", "COPY", "RUN", "RUN"]
    assert first[:4] == second[:4]


@pytest.mark.parametrize(
    ("image", "service"),
    [
        ("proxy", commands.proxy(Deployment("0.0.0.0", 3000, 3001, IN_THE_IMAGE))),  # noqa: S104 - compared with, not bound to
        ("dashboard", commands.dashboard(Deployment("0.0.0.0", 3000, 3001, IN_THE_IMAGE))),  # noqa: S104 - the same
    ],
    ids=IMAGES,
)
def test_its_command_is_the_supervisors(image: str, service: commands.Service) -> None:
    final = dockerfile.read(image)[-1]

    assert words_of(image) == ["python", *service.command[1:]]
    assert {f"{name}={value}" for name, value in service.environment.items()} <= {*final.last("ENV").words}


@pytest.mark.parametrize(("image", "port"), [("proxy", "3000"), ("dashboard", "3001")])
def test_it_listens_everywhere_and_says_whether_it_lives(image: str, port: str) -> None:
    final = dockerfile.read(image)[-1]
    check = final.last("HEALTHCHECK").exec_form

    assert "HOST=0.0.0.0" in final.last("ENV").words
    assert final.last("EXPOSE").value == port
    assert (check[0], f"'127.0.0.1', {port}" in check[2], "/health/live" in check[2]) == (
        "python",
        True,
        True,
    )


@pytest.mark.parametrize("image", IMAGES)
def test_its_data_folder_is_a_volume_and_declared_before_the_user_changes(image: str) -> None:
    final = dockerfile.read(image)[-1]

    assert f'["{IN_THE_IMAGE}"]' == final.last("VOLUME").value
    assert f"NEXUS_DATA_DIR={IN_THE_IMAGE}" in final.last("ENV").words
    assert final.instructions.index(final.all("RUN")[-1]) < final.instructions.index(final.last("USER"))


@pytest.mark.parametrize("image", IMAGES)
def test_its_labels_say_what_it_is(image: str) -> None:
    labels = dict(word.split("=", 1) for word in dockerfile.read(image)[-1].last("LABEL").words)

    assert labels["org.opencontainers.image.title"] == f"claude-nexus-{image}"
    assert labels.keys() >= {
        f"org.opencontainers.image.{name}" for name in ("description", "version", "licenses")
    }


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (".env", False),
        ("secrets/database_url", False),
        ("credentials/a.credentials.json", False),
        ("var/spool/0/1.seg", False),
        (".git/config", False),
        ("requirements/dev.txt", False),
        ("tests/conftest.py", False),
        ("nexus_project/stack/run.py", False),
        ("proxy/relay/__pycache__/views.cpython-313.pyc", False),
        ("proxy/relay/views.py", True),
        ("requirements/base.txt", True),
        ("client-setup/setup.sh", True),
        ("manage.py", True),
    ],
)
def test_the_build_gets_only_what_the_images_need(path: str, kept: bool) -> None:
    assert Ignore(BASE_DIR / ".dockerignore").keeps(path) is kept
