"""Staff rights open the admin; what of the traffic somebody sees is said by two permissions."""

import importlib

import pytest
from django.apps import apps
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from dashboard.access.signin import READ_BODIES, VIEW_FIGURES
from tests.people import make_exchange, reader
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
FIGURES = (
    "/dashboard/usage",
    "/dashboard/limits",
)
DATA = (
    "/api/stats",
    "/api/requests",
    "/api/batches",
    "/api/cache-breaks",
    "/api/domains",
    "/api/findings",
    "/api/limits",
    "/api/pipeline",
    "/api/storage",
    "/api/accounts",
    "/api/live",
    "/api/tools",
)
# Figures beside the first words of people, for who may read these.
TITLED = ("/api/conversations", "/dashboard", "/dashboard/sessions", "/dashboard/requests")
SAID = "Hello there."


def signed_in_as(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def exchange_id() -> str:
    return str(make_exchange().id)


@pytest.fixture
def with_bodies(exchange_id: str) -> tuple[str, ...]:
    raw = f"/api/requests/{exchange_id}/raw"
    return (f"/api/requests/{exchange_id}", f"{raw}/request", f"{raw}/response")


def test_staff_rights_alone_open_no_traffic(exchange_id: str, with_bodies: tuple[str, ...]) -> None:
    client = signed_in_as(reader("carl", is_staff=True))

    responses = {
        path: client.get(path)
        for path in (*FIGURES, *DATA, *TITLED, *with_bodies, f"/dashboard/request/{exchange_id}", "/api/docs")
    }

    assert {path: response.status_code for path, response in responses.items()} == dict.fromkeys(
        responses, 403
    )
    assert all(
        "view_figures" in response.text or "read_bodies" in response.text for response in responses.values()
    )
    assert client.get("/admin/").status_code == 200


def test_figures_are_shown_without_bodies(exchange_id: str, with_bodies: tuple[str, ...]) -> None:
    client = signed_in_as(reader("ann", "view_figures"))

    assert {client.get(path).status_code for path in (*FIGURES, *DATA, *TITLED)} == {200}
    assert {client.get(path).status_code for path in with_bodies} == {403}
    assert "read_bodies" in client.get(with_bodies[0]).json()["error"]["message"]
    for view in ("", "?view=raw", "?view=headers"):
        page = client.get(f"/dashboard/request/{exchange_id}{view}")
        assert page.status_code == 200
        assert exchange_id in page.text
        assert "read_bodies" in page.text
        assert SAID not in page.text
        assert "content-type" not in page.text


def test_bodies_are_read_with_both_permissions(exchange_id: str, with_bodies: tuple[str, ...]) -> None:
    both = signed_in_as(reader("ann", "view_figures", "read_bodies"))
    bodies_alone = signed_in_as(reader("bob", "read_bodies"))

    assert {both.get(path).status_code for path in with_bodies} == {200}
    assert SAID in both.get(f"/dashboard/request/{exchange_id}").text
    assert {bodies_alone.get(path).status_code for path in with_bodies} == {403}


def test_the_key_opens_everything_also_for_a_user_without_permissions(with_bodies: tuple[str, ...]) -> None:
    client = signed_in_as(reader("carl", is_staff=True))

    responses = [client.get(path, headers={"X-API-Key": settings.DASHBOARD_API_KEY}) for path in with_bodies]

    assert {response.status_code for response in responses} == {200}


def test_a_user_without_permission_is_told_so_also_where_no_key_is_set(settings: LazySettings) -> None:
    settings.DASHBOARD_API_KEY = ""
    client = signed_in_as(reader("carl", is_staff=True))

    assert (client.get("/dashboard").status_code, client.get("/api/stats").status_code) == (403, 403)


def test_bodies_are_stored_nowhere_and_figures_are_asked_for_each_time(
    program: Client, exchange_id: str, with_bodies: tuple[str, ...]
) -> None:
    for path in (
        *with_bodies,
        *TITLED,
        f"/dashboard/request/{exchange_id}",
        f"/dashboard/request/{exchange_id}?view=raw",
    ):
        assert program.get(path).headers["Cache-Control"] == "no-store"
    for path in (*FIGURES, *DATA):
        assert program.get(path).headers["Cache-Control"] == "private, no-cache"


def test_the_migration_gives_both_to_every_active_member_of_the_staff() -> None:
    migration = importlib.import_module("dashboard.migrations.0001_traffic_permissions")
    for name, fields in (
        ("ann", {"is_staff": True}),
        ("bob", {}),
        ("eve", {"is_staff": True, "is_active": False}),
    ):
        User.objects.create_user(name, **fields)  # type: ignore[arg-type]  # two flags

    with as_owner(), connection.schema_editor() as editor:
        migration.give_to_staff(apps, editor)
        migration.give_to_staff(apps, editor)

    assert User.objects.get(username="ann").has_perms([VIEW_FIGURES, READ_BODIES])
    assert not User.objects.filter(username__in=["bob", "eve"], user_permissions__isnull=False).exists()
