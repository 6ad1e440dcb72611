"""What a page says."""

from collections.abc import Mapping
from types import MappingProxyType

from django.test import Client

BY_HTMX = {"HX-Request": "true"}


def text(client: Client, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> str:
    response = client.get(path, headers=dict(headers))
    assert response.status_code == 200
    return response.content.decode()
