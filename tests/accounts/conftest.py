"""An emulated token endpoint, and a credential of each kind that is due."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts.models import Credential
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.serving import serve
from tests.accounts.people import make_oauth


@pytest.fixture
def endpoint(settings: Settings) -> Iterator[Emulator]:
    with serve(create_app(), http=ConnectionProtocol) as running:
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{running.url}/v1/oauth/token"
        yield running.app


@pytest.fixture
def row() -> Credential:
    return make_oauth()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.example.credentials.json"
    tokens = {
        "accessToken": "sk-ant-oat01-old",
        "refreshToken": f"sk-ant-ort01-{uuid4().hex}",
        "expiresAt": 1000,
        "isMax": True,
    }
    path.write_text(json.dumps({"type": "oauth", "oauth": tokens, "accountId": "acc_1", "unknown": 1}))
    return path
