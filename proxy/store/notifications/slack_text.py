"""What a post says (docs/predecessor.md#slack): pure functions from a stored exchange to Slack's JSON.

Fields: https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments.
"""

import time
from typing import NotRequired, TypedDict

from proxy.store.announce import Stored
from proxy.store.notifications.quoting import clip, quote
from proxy.store.notifications.tool_hints import tool_line
from proxy.wire.lenient import as_dict, as_list, as_text

RESPONSE_LINES = 20
MOST_TOOLS = 20
FOOTER_LIMIT = 120
RED = "#ff0000"
YELLOW = "#daa038"


class Field(TypedDict):
    title: str
    value: str
    short: bool


class Attachment(TypedDict):
    """`ts` is epoch seconds; `fallback` is what a notification shows."""

    fallback: str
    footer: str
    ts: int
    color: NotRequired[str]
    title: NotRequired[str]
    text: NotRequired[str]
    fields: NotRequired[list[Field]]


class Post(TypedDict):
    """A message without its sender's looks. Slack shall look for no names and fetch no links in it."""

    text: NotRequired[str]
    attachments: list[Attachment]
    link_names: bool
    parse: str
    unfurl_links: bool
    unfurl_media: bool


def conversation(stored: Stored) -> Post:
    """What the user asked, what Claude answered and which tools it calls, in one post."""
    lines = [f":bust_in_silhouette: User: {quote(stored.user_text)}"]
    if response := quote(response_text(stored.message), lines=RESPONSE_LINES):
        lines.append(f":robot_face: Claude: {response}")
    lines += [tool_line(call) for call in stored.tool_calls[:MOST_TOOLS]]
    if more := len(stored.tool_calls[MOST_TOOLS:]):
        lines.append(f"    :wrench: ... and {more} more")
    footer = _footer(stored)
    attachment = Attachment(fallback=footer, footer=footer, ts=int(stored.started_at.timestamp()))
    return _post(attachment, text="\n".join(lines))


def error(stored: Stored) -> Post:
    """That a request failed: red, with where and when."""
    status = f"status {stored.status}" if stored.status else "without an answer"
    message = stored.error_message or f"the request ended as {stored.outcome}, {status}"
    name = f"{clip(stored.error_type, FOOTER_LIMIT)}: " if stored.error_type else ""
    text = f"Error: {name}{quote(message)}"
    return _post(
        Attachment(
            color=RED,
            fallback=text,
            title=f"Request {stored.exchange_id}",
            text=text,
            fields=[
                Field(title="Domain", value=clip(stored.domain, FOOTER_LIMIT), short=True),
                Field(title="Time", value=f"{stored.started_at:%Y-%m-%d %H:%M:%S %Z}", short=True),
            ],
            footer=_footer(stored),
            ts=int(stored.started_at.timestamp()),
        )
    )


def warning(title: str, text: str) -> Post:
    """Something that the operators have to look at: red."""
    return _post(
        Attachment(color=RED, fallback=title, title=title, text=text, footer="Nexus", ts=int(time.time()))
    )


def test(domain: str) -> Post:
    """What somebody sends from the admin to see whether posts arrive."""
    text = f"A test message for {clip(domain, FOOTER_LIMIT)}: posts of this domain arrive here."
    return _post(Attachment(fallback=text, text=text, footer="Nexus", ts=int(time.time())))


def unpriced(stored: Stored, dashboard_url: str) -> Post:
    """That a model has no price, and what to do; nothing of the domain that met it, for all read this."""
    text = (
        f"No price for {clip(stored.unpriced_model, FOOTER_LIMIT)}: its requests count as unpriced, not as free."
        f" Add one in the dashboard's admin ({dashboard_url.rstrip('/')}/admin/proxy/price/add/),"
        " then run `manage.py reprice`."
    )
    return _post(
        Attachment(
            color=YELLOW,
            fallback=text,
            title="A model without a price",
            text=text,
            footer=f"First seen in request {stored.exchange_id}",
            ts=int(stored.started_at.timestamp()),
        )
    )


def response_text(message: dict[str, object] | None) -> str:
    """The text blocks of an answer, by lines."""
    blocks = [as_dict(item) for item in as_list(as_dict(message).get("content"))]
    texts = [as_text(block.get("text")) or "" for block in blocks if block.get("type") == "text"]
    return "\n".join(text for text in texts if text.strip())


def _footer(stored: Stored) -> str:
    parts = [clip(part, FOOTER_LIMIT) for part in (stored.domain, stored.model, stored.account) if part]
    if stored.counts:
        parts.append(f"Tokens: {stored.counts.input}/{stored.counts.output}")
    return " | ".join(parts)


def _post(attachment: Attachment, **text: str) -> Post:
    post = Post(
        attachments=[attachment], link_names=False, parse="none", unfurl_links=False, unfurl_media=False
    )
    if text:
        post["text"] = text["text"]
    return post
