"""compose.yaml against the specification's schema, and against what Nexus promises of it."""

import re
from typing import Any

import jsonschema
import pytest
from jsonschema.validators import validator_for

from nexus_project.env import BASE_DIR, DOCUMENTED
from nexus_project.stack.supervision import commands
from nexus_project.stack.supervision.commands import Deployment
from tests.docker import composition
from tests.docker.test_dockerfiles import IN_THE_IMAGE, words_of

SERVICES = composition.services(DASHBOARD_URL="https://nexus.example.com")
VALIDATOR = validator_for(composition.schema())(composition.schema())
OURS = ("migrate", "roles", "proxy", "dashboard", "worker", "beat")
LASTING = tuple(name for name in SERVICES if name not in ("migrate", "roles"))
OWNERS = "database_url"
ADDRESSES = {
    "migrate": OWNERS,
    "roles": OWNERS,
    "proxy": "proxy_database_url",
    "dashboard": "dashboard_database_url",
    "worker": "worker_database_url",
    "beat": "worker_database_url",
}
OF_OTHERS = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "WEB_CONCURRENCY"}
OF_COMPOSE = {"NEXUS_VERSION"}


def test_it_is_valid_by_the_specifications_schema() -> None:
    VALIDATOR.validate(composition.load())


def test_the_schema_would_find_a_wrong_key() -> None:
    wrong = composition.load()
    wrong["services"]["proxy"]["restrat"] = "always"

    with pytest.raises(jsonschema.ValidationError, match="restrat"):
        VALIDATOR.validate(wrong)


def test_it_has_the_promised_services() -> None:
    assert set(SERVICES) == {"postgres", "redis", *OURS}


@pytest.mark.parametrize("name", SERVICES)
def test_whatever_a_service_names_exists(name: str) -> None:
    service, whole = SERVICES[name], composition.load()
    volumes = [each.partition(":")[0] for each in service.get("volumes", []) if isinstance(each, str)]

    assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert set(service["networks"]) <= set(whole["networks"])
    assert set(service["secrets"]) <= set(whole["secrets"])
    assert set(volumes) <= set(whole["volumes"])
    assert "build" not in service or (BASE_DIR / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("name", OURS)
def test_a_service_waits_for_something_that_can_come_true(name: str) -> None:
    for other, wish in SERVICES[name]["depends_on"].items():
        healthy = "test" in SERVICES[other].get("healthcheck", {})
        ends = SERVICES[other].get("restart") == "no"
        assert {"service_healthy": healthy, "service_completed_successfully": ends}[wish["condition"]]


@pytest.mark.parametrize("name", OURS)
def test_its_commands_are_the_supervisors(name: str) -> None:
    deployment = Deployment("0.0.0.0", 3000, 3001, IN_THE_IMAGE)  # noqa: S104 - compared with, not bound to
    known = {
        each.name: each
        for each in (
            commands.proxy(deployment),
            commands.dashboard(deployment),
            commands.worker(),
            commands.beat(deployment),
            commands.migrate(),
            commands.roles(),
        )
    }
    image = "proxy" if name == "proxy" else "dashboard"

    assert SERVICES[name].get("command", words_of(image)) == ["python", *known[name].command[1:]]


def test_only_proxy_and_dashboard_are_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"proxy": ["3000:3000"], "dashboard": ["3001:3001"]}


def test_postgresql_and_redis_reach_nobody_and_have_no_other_network() -> None:
    assert composition.load()["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", SERVICES)
def test_logs_are_rotated_and_root_is_read_only(name: str) -> None:
    service = SERVICES[name]

    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - a mount's name


@pytest.mark.parametrize("name", LASTING)
def test_a_service_that_ends_comes_back(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_clients_show_keys_and_secrets_come_from_files(name: str) -> None:
    environment = SERVICES[name]["environment"]
    files = {key.removesuffix("_FILE"): value for key, value in environment.items() if key.endswith("_FILE")}

    assert environment["ENABLE_CLIENT_AUTH"] == "true"
    bodies = set() if name == "proxy" else {"BODY_ENCRYPTION_KEYS"}  # the proxy stores none
    assert {key for key in files if not key.endswith("_DB_PASSWORD")} == bodies | {
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "FIELD_ENCRYPTION_KEYS",
        "DASHBOARD_API_KEY",
    }
    assert {value.removeprefix("/run/secrets/") for value in files.values()} <= set(SERVICES[name]["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_a_service_holds_the_databases_address_of_its_own_role_alone(name: str) -> None:
    databases = [secret for secret in SERVICES[name]["secrets"] if secret.endswith("database_url")]

    assert databases == [ADDRESSES[name]]
    assert SERVICES[name]["environment"]["DATABASE_URL_FILE"] == f"/run/secrets/{ADDRESSES[name]}"


def test_only_the_roles_service_holds_the_roles_passwords() -> None:
    holders = {
        name for name in OURS if any(secret.endswith("db_password") for secret in SERVICES[name]["secrets"])
    }

    assert holders == {"roles"}


@pytest.mark.parametrize("name", ["proxy", "redis", "postgres", "beat"])
def test_what_must_outlive_a_container_is_on_a_volume(name: str) -> None:
    target = {
        "proxy": "/var/lib/nexus",
        "redis": "/data",
        "postgres": "/var/lib/postgresql",
        "beat": "/var/lib/nexus",
    }

    assert f"{name}:{target[name]}" in SERVICES[name]["volumes"]


def test_whoever_tells_of_credential_files_reads_them_and_the_proxy_alone_writes() -> None:
    mounts = {
        name: mount.get("read_only", False)
        for name in SERVICES
        for mount in SERVICES[name].get("volumes", [])
        if isinstance(mount, dict) and mount["target"] == SERVICES[name]["environment"]["CREDENTIALS_DIR"]
    }

    assert mounts == {"proxy": False, "dashboard": True, "worker": True}


def test_redis_appends_every_write_to_a_file() -> None:
    command = " ".join(SERVICES["redis"]["command"])

    assert "--appendonly yes" in command


def test_the_proxy_has_time_to_end_its_streams() -> None:
    deployment = Deployment("127.0.0.1", 3000, 3001, IN_THE_IMAGE)

    assert (
        int(SERVICES["proxy"]["stop_grace_period"].removesuffix("s"))
        > commands.proxy(deployment).grace_seconds
    )


def test_of_a_busy_machine_the_worker_alone_has_less() -> None:
    shares = {name: service.get("cpu_shares", 1024) for name, service in SERVICES.items()}

    assert {name for name, share in shares.items() if share < 1024} == {"worker"}


def test_every_variable_is_a_setting_of_nexus_or_of_an_image() -> None:
    environments: list[dict[str, Any]] = [service.get("environment", {}) for service in SERVICES.values()]
    used = {name.removesuffix("_FILE") for environment in environments for name in environment}
    asked = {match["name"] for match in composition.VARIABLE.finditer(composition.TEXT) if match["name"]}

    assert used <= DOCUMENTED.keys() | OF_OTHERS
    assert asked <= DOCUMENTED.keys() | OF_COMPOSE


def test_without_a_dashboard_address_it_stops_with_a_sentence() -> None:
    with pytest.raises(
        composition.MissingVariable, match=r"DASHBOARD_URL: set it in \.env to .* such as https://"
    ):
        composition.services()


def test_it_holds_no_password() -> None:
    assert not re.search(
        r"(?i)(password|secret|key|token)\w*: *[\"']?[^\s$/&*\[{\"'][^\n]*\Z", composition.TEXT, re.M
    )
    assert not re.search(r"://\w*:[^@\s{]+@", composition.TEXT)
