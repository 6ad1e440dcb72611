"""The main job: a real client streams through Nexus, and everything is recorded."""

from anthropic import Anthropic
from anthropic.types import MessageParam

from tests.flow.conftest import Nexus

QUESTION: MessageParam = {"role": "user", "content": "Why is the invoice query slow?"}


def test_the_real_sdk_streams_through_and_the_exchange_is_stored(nexus: Nexus) -> None:
    with (
        Anthropic(api_key="sk-ant-api03-own", base_url=nexus.url, max_retries=0) as client,
        client.messages.stream(model="claude-sonnet-5", max_tokens=300, messages=[QUESTION]) as stream,
    ):
        text = stream.get_final_text()
        exchange_id = stream.response.headers["x-nexus-id"]

    row = nexus.stored(exchange_id)
    assert text
    assert row["outcome"] == "complete"
    assert row["streamed"]
