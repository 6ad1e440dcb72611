"""Which domains somebody sees: those of their bound groups together, or all."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.test import Client

from dashboard.access import readers
from dashboard.models import GroupDomains
from dashboard.reading import Reader
from tests import people
from tests.dashboard.admin.test_admin import form
from tests.dashboard.narrowing.domains import bound
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@as_owner()
def join(user: User, name: str, *patterns: str, grants: bool = True) -> User:
    group = Group.objects.create(name=name)
    if grants:
        group.permissions.add(Permission.objects.get(codename="view_figures"))
    if patterns:
        GroupDomains.objects.create(group=group, names=list(patterns))
    user.groups.add(group)
    return user


@pytest.fixture
def ann() -> User:
    return people.reader("ann", "view_figures")


def test_who_is_in_no_bound_group_sees_every_domain(ann: User) -> None:
    assert readers.patterns_of(ann) is None
    assert readers.patterns_of(join(ann, "analysts")) is None
    assert readers.patterns_of(AnonymousUser()) is None


def test_the_domains_of_all_bound_groups_are_seen_together(ann: User) -> None:
    join(ann, "one team", "a.example")
    join(ann, "another team", "b.example", "*.team.example")

    assert readers.patterns_of(ann) == frozenset({"a.example", "b.example", "*.team.example"})


@pytest.mark.parametrize("grants", [True, False])
def test_a_group_without_a_bond_lifts_that_of_others_if_it_grants_the_figures(
    ann: User, grants: bool
) -> None:
    join(ann, "team", "a.example")
    join(ann, "everybody", grants=grants)

    assert readers.patterns_of(ann) == (None if grants else frozenset({"a.example"}))


def test_a_superuser_is_bound_to_nothing() -> None:
    assert readers.patterns_of(join(User.objects.create_superuser("olga"), "team", "a.example")) is None


@pytest.mark.parametrize("key", ["", "wrong"])
def test_no_key_in_a_header_lifts_a_bond_but_the_right_one(key: str) -> None:
    client = Client()
    client.force_login(bound("bob", "a.example"))
    people.make_exchange(domain="b.example")

    assert client.get("/api/requests", headers={"X-API-Key": key}).json()["requests"] == []


@pytest.mark.parametrize(
    ("pattern", "domain", "is_seen"),
    [
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "a.example.com:8443", True),
        ("a.example.com", "b.a.example.com", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "b.a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.a.example.com", True),
        ("*.a.example.com", "*.example.com", False),
        ("*.example.com", "a.example.com.evil.example", False),
        ("*.example.com", "unknown", False),
    ],
)
def test_wildcards_are_those_of_domains(pattern: str, domain: str, is_seen: bool) -> None:
    assert Reader("ann", frozenset([pattern])).sees(domain) is is_seen


def test_a_group_is_bound_in_the_admin_by_a_line_for_each_domain() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("olga"))
    typed: dict[str, Any] = {"bound_to-TOTAL_FORMS": "1", "bound_to-INITIAL_FORMS": "0"}

    refused = client.post(
        "/admin/auth/group/add/", form(name="team", **(typed | {"bound_to-0-names": "*.com"}))
    )
    assert "somebody can own" in refused.content.decode()

    names = "A.example\n*.Team.example\na.example"
    client.post("/admin/auth/group/add/", form(name="team", **(typed | {"bound_to-0-names": names})))
    assert GroupDomains.objects.get().names == ["a.example", "*.team.example"]
    assert "*.team.example" in client.get("/admin/auth/group/").content.decode()


@pytest.mark.parametrize("kind", ["group", "user"])
def test_people_are_managed_by_who_may_manage_access(kind: str) -> None:
    def status(*permissions: str) -> int:
        client, user = Client(), people.reader(f"u{len(permissions)}", *permissions, is_staff=True)
        with as_owner():
            user.user_permissions.add(*Permission.objects.filter(content_type__app_label="auth"))
        client.force_login(user)
        return client.get(f"/admin/auth/{kind}/").status_code

    assert (status(), status("manage_access")) == (403, 200)


def test_the_admin_is_closed_to_who_is_bound() -> None:
    client, user = Client(), bound("bob", "a.example")
    with as_owner():
        user.is_staff = True
        user.save()
    client.force_login(user)

    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
