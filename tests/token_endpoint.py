"""A token endpoint of OAuth that is a real local server; the conftest of a folder imports the fixture."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.serving import serve


@pytest.fixture
def endpoint(settings: LazySettings) -> Iterator[Emulator]:
    with serve(create_app(), http=ConnectionProtocol) as running:
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{running.url}/v1/oauth/token"
        yield running.app
