"""Both versions of the API: the newer one refuses what the older one takes."""

from typing import Any

import httpx
import pytest

from tests.demo.conftest import ASK

DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}
CITED = {"type": "text", "text": "a", "citations": [{"type": "char_location"}]}


def said(role: str, block: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": [block]}, {"role": "user", "content": "Go on"}]}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"temperature": 1.0}, "temperature"),
        ({"top_p": 0.9}, "top_p"),
        ({"top_k": 5}, "top_k"),
        (said("assistant", DOCUMENT), "messages.0.content.0"),
        (said("user", CITED), "messages.0.content.0.citations"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_the_newest_version_refuses_what_the_old_one_takes(
    http: httpx.Client, path: str, more: dict[str, Any], words: str
) -> None:
    old = http.post(path, json={**ASK, **more})
    new = http.post(path, json={**ASK, **more}, headers={"anthropic-version": "2026-10-21"})

    assert (old.status_code, new.status_code) == (200, 400)
    assert new.json()["error"]["message"].startswith(words)


@pytest.mark.parametrize(
    "more",
    [said("user", DOCUMENT), said("user", {**CITED, "citations": []}), said("assistant", CITED)],
)
def test_the_newest_version_takes_the_same_blocks_in_their_place(
    http: httpx.Client, more: dict[str, Any]
) -> None:
    response = http.post("/v1/messages", json={**ASK, **more}, headers={"anthropic-version": "2026-10-21"})

    assert response.status_code == 200
