from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anthropic import Anthropic

from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.serving import Running, serve

KEY = "sk-ant-api03-test"
ASK: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Why is the invoice query slow?"}],
}


@pytest.fixture
def emulator() -> Iterator[Running[Emulator]]:
    with serve(create_app(), http=ConnectionProtocol) as running:
        yield running


@pytest.fixture
def client(emulator: Running[Emulator]) -> Iterator[Anthropic]:
    with Anthropic(api_key=KEY, base_url=emulator.url, max_retries=0) as client:
        yield client


@pytest.fixture
def http(emulator: Running[Emulator]) -> Iterator[httpx.Client]:
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    with httpx.Client(base_url=emulator.url, headers=headers, trust_env=False, timeout=20) as client:
        yield client
