"""`manage.py check` says which settings of signing in do not belong together."""

from ipaddress import ip_network

import pytest
from django.conf import LazySettings

from dashboard.access.checks import signin_settings

PROVIDER = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "nexus", "OIDC_CLIENT_SECRET": "secret"}
HEADER = {"TRUSTED_HEADER_SIGNIN": "X-Forwarded-User"}


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, []),
        (PROVIDER, []),
        ({"OIDC_ISSUER": "https://id.example"}, ["signin.E001"]),
        (PROVIDER | {"OIDC_STAFF_GROUP": "admins"}, ["signin.E002"]),
        (PROVIDER | {"SIGNIN_GROUPS": (("a", "b"),)}, ["signin.E003"]),
        (PROVIDER | {"SIGNIN_CREATE_USERS": True}, ["signin.W001"]),
        (PROVIDER | {"SIGNIN_CREATE_USERS": True, "OIDC_EMAIL_DOMAINS": ["corp.example"]}, []),
        (HEADER, ["signin.E004"]),
        (HEADER | {"TRUSTED_HEADER_PEERS": [ip_network("10.0.0.1")]}, []),
        (HEADER | {"TRUSTED_HEADER_PEERS": [ip_network("::/0")]}, ["signin.W002"]),
    ],
)
def test_what_does_not_belong_together_is_named(
    settings: LazySettings, given: dict[str, object], ids: list[str]
) -> None:
    for name, value in given.items():
        setattr(settings, name, value)

    assert [message.id for message in signin_settings(None)] == ids
