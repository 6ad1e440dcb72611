"""`/api/conversations/{id}/export`: a file for readers of bodies, kept nowhere."""

import json

import pytest
from django.test import Client

from proxy.store.models import Conversation
from tests.people import reader
from tests.roles import as_owner
from tests.store.transcripts.talks import store, talk

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation() -> Conversation:
    with as_owner():
        return store(talk("</title><script>alert(1)</script>"))


@pytest.mark.parametrize(
    ("query", "kind", "ending"),
    [
        ("", "text/markdown; charset=utf-8", "md"),
        ("?format=md", "text/markdown; charset=utf-8", "md"),
        ("?format=json", "application/json", "json"),
        ("?format=html", "text/html; charset=utf-8", "html"),
    ],
)
def test_it_is_a_file_that_nobody_keeps(
    program: Client, conversation: Conversation, query: str, kind: str, ending: str
) -> None:
    response = program.get(f"/api/conversations/{conversation.id}/export{query}")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == kind
    assert response.headers["Content-Disposition"] == (
        f'attachment; filename="conversation-{conversation.id}.{ending}"'
    )
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "SECRET" not in response.text
    assert "Seven tests." in response.text


def test_the_page_holds_no_script(program: Client, conversation: Conversation) -> None:
    page = program.get(f"/api/conversations/{conversation.id}/export?format=html").text

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_json_is_what_the_conversation_is(program: Client, conversation: Conversation) -> None:
    found = json.loads(program.get(f"/api/conversations/{conversation.id}/export?format=json").text)

    assert found["conversation"]["conversationId"] == str(conversation.id)
    assert [turn["number"] for turn in found["turns"]] == [1, 3, 7, 8]


def test_it_needs_the_right_to_read_bodies(client: Client, conversation: Conversation) -> None:
    path = f"/api/conversations/{conversation.id}/export"
    assert client.get(path).status_code == 401
    client.force_login(reader("ann", "view_figures"))
    refused = client.get(path)
    assert refused.status_code == 403
    assert "read_bodies" in refused.json()["error"]["message"]
    client.force_login(reader("bob", "view_figures", "read_bodies"))
    assert client.get(path).status_code == 200


def test_what_is_not_there_is_told(program: Client, conversation: Conversation) -> None:
    path = "/api/conversations/0193a000-0000-7000-8000-000000000001/export"

    assert "No conversation with this id" in program.get(path).json()["error"]["message"]
    assert program.get(path).status_code == 404
    refused = program.get(f"/api/conversations/{conversation.id}/export?format=pdf")
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].startswith("format: ")
