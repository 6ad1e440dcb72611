"""An operator who is signed in, and a token endpoint."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.token_endpoint import endpoint

__all__ = ["endpoint"]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client
