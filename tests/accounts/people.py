"""Domains, credentials and keys by plain functions: each makes one thing, as the owner, with only the differences given."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts.models import ClientKey, Credential, Domain, Limit
from tests.roles import as_owner


@as_owner()
def make_domain(name: str = "a.example", **fields: Any) -> Domain:
    return Domain.objects.get_or_create(name=name, defaults=fields)[0]


@as_owner()
def make_api_key(domain: str = "a.example", **fields: Any) -> Credential:
    fields = {"name": "main", "api_key": "sk-ant-api03-row", **fields}
    return Credential.objects.create(domain=make_domain(domain), **fields)


@as_owner()
def make_oauth(domain: str = "a.example", *, seconds_left: float = -1, **fields: Any) -> Credential:
    fields = {
        "name": "main",
        "kind": Credential.Kind.OAUTH,
        "access_token": "sk-ant-oat01-old",
        "refresh_token": f"sk-ant-ort01-{uuid4().hex}",
        "expires_at": timezone.now() + timedelta(seconds=seconds_left),
        **fields,
    }
    return Credential.objects.create(domain=make_domain(domain), **fields)


@as_owner()
def make_client_key(domain: str = "a.example", **fields: Any) -> tuple[ClientKey, str]:
    """The row, and the key itself."""
    row = ClientKey(domain=make_domain(domain), **{"name": uuid4().hex, **fields})
    return row, row.issue()


@as_owner()
def make_limit(**fields: Any) -> Limit:
    """Without a domain or client key it is the organisation's."""
    return Limit.objects.create(**fields)
