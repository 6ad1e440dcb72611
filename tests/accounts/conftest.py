"""An emulated token endpoint, and a credential of each kind that is due."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from accounts.models import Credential
from tests.accounts.people import make_oauth
from tests.token_endpoint import endpoint

__all__ = ["endpoint"]


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
