"""From untrusted JSON to what a page may show."""

import base64
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from dashboard.transcript import blocks, markdown, turns
from dashboard.transcript.blocks import content_blocks
from dashboard.transcript.budget import MAX_TEXT, Budget
from proxy.wire.messages import ResponseContent
from tests import people
from tests.dashboard.pages.shown import BY_HTMX

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 16).decode()
ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</pre></details><script>alert(1)</script>",
    "{{ 7|add:7 }}{% now 'Y' %}",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](&#106;avascript:alert(1))",
    "[click](java\tscript:alert(1))",
    "[click](vbscript:msgbox(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    '[click](https://example.com/"onmouseover="alert(1))',
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "<https://example.com/onclick=alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "<system-reminder><script>alert(1)</script></system-reminder>",
    "<style>*{display:none}</style><iframe src=//evil.example></iframe><base href=//evil.example>",
    "\u202e<script>\u202c\ufeff",
]
HARMLESS_TAGS = {
    "circle", "i", "text",
    "a", "article", "blockquote", "body", "br", "button", "caption", "code", "datalist", "dd", "del", "details", "dialog", "div",
    "dl", "dt", "em", "figcaption", "figure", "footer", "form", "g", "h1", "h2", "h3", "h4", "head", "header",
    "hr", "html", "input", "kbd", "label", "li", "line", "link", "main", "meta", "nav", "ol", "option", "p", "select",
    "path", "pre", "rect", "s", "script", "section", "span", "strong", "summary", "svg", "table", "tbody", "td", "template",
    "tfoot", "th", "thead", "time", "title", "tr", "ul",
}  # fmt: skip


class Inspector(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in HARMLESS_TAGS or (
            tag == "script"
            and not values.get("src", "").startswith(("/static/dashboard/", "/static/django_htmx/"))
        ):
            self.found.append(tag)
        self.found += [
            name for name in values if name.startswith(("on", "hx-on")) or name in {"style", "srcdoc"}
        ]
        for name in ("href", "src", "action"):
            value = values.get(name, "/").strip().lower()
            if not value.startswith(("/", "#", "?", "https://", "http://", "mailto:", "data:image/")):
                self.found.append(f"{name}={value}")


def dangers(html: str) -> list[str]:
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    return inspector.found


def test_the_inspector_finds_what_it_looks_for() -> None:
    found = dangers(
        '<script>1</script><img src=x onerror=1><a href="javascript:1" style="x"></a><iframe></iframe>'
    )

    assert found == ["script", "img", "onerror", "src=x", "style", "href=javascript:1", "iframe"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_of_strangers_is_harmless(attack: str) -> None:
    assert dangers(markdown.render(attack)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_exchange_full_of_attacks_is_harmless_on_every_page(signed_in: Client, attack: str) -> None:
    text = {"type": "text", "text": attack}
    call = {"type": "tool_use", "id": attack, "name": attack, "input": {attack: attack}}
    result = {"type": "tool_result", "tool_use_id": attack, "content": attack}
    nested = {"type": "tool_result", "tool_use_id": attack, "content": [text, {"type": attack, "x": attack}]}
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": f"image/png{attack}", "data": attack},
    }
    odd = [
        {"type": "thinking", "thinking": attack},
        {"type": "document", "title": attack},
        {"type": attack},
        attack,
    ]
    request = {
        "model": attack,
        "system": attack,
        "tools": [{"name": attack}],
        "messages": [
            {"role": "user", "content": [text, image, result, nested, *odd]},
            {"role": attack, "content": attack},
        ],
    }
    response = people.RESPONSE | {"content": [text, call], "stop_reason": attack}
    short = attack[:40]
    row = people.make_exchange(
        request=request, response=response, domain=attack, model=attack, account=attack, paid_by=attack, passed_over=attack,
        left_organisation=attack[:120], path=attack, query=attack, method=short[:20], error_type=attack[:80], error_message=attack,
        stop_reason=short, session_id=attack,
        upstream_request_id=attack, tool_names=[attack], request_type=attack[:24], cost_state="partial",
        request_headers=[(attack, attack)], response_headers=[("content-type", "application/json"), (attack, attack)],
    )  # fmt: skip

    paths = [f"/dashboard/request/{row.id}?view={view}" for view in ("conversation", "raw", "headers")]
    parts = (
        "json&side=request&at=/messages",
        "json&side=request&find=a",
        "json&side=response&as=text",
        "message&number=1",
    )
    paths += [f"/dashboard/request/{row.id}?part={part}" for part in ("history", "beside", *parts)]
    pages = [signed_in.get(path).text for path in [*paths, "/dashboard/requests"]]
    pages.append(signed_in.get("/dashboard", headers=BY_HTMX).text)

    assert [found for page in pages for found in dangers(page)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("attack", ATTACKS)
def test_names_full_of_attacks_are_harmless_in_charts(signed_in: Client, attack: str) -> None:
    people.make_exchange(
        domain=attack, model=attack, user_id=attack, tool_names=[attack], error_type=attack[:80]
    )

    usage = [f"usage?by={by}" for by in ("domain", "model", "person", "tool", "errorType")]
    paths = [*usage, "explain", "performance", "performance?by=domain"]
    pages = [signed_in.get(f"/dashboard/{path}").content.decode() for path in paths]

    assert [found for page in pages for found in dangers(page)] == []


def shown(content: object) -> list[blocks.Block]:
    return content_blocks(content, Budget())


def test_a_safe_link_tells_nothing_about_this_page() -> None:
    assert markdown.render("[docs](https://example.com/a)") == (
        '<p><a href="https://example.com/a" rel="noopener noreferrer nofollow">docs</a></p>\n'
    )


def test_tags_in_text_stay_visible() -> None:
    assert "&lt;example&gt;" in shown("Use <example> tags")[0].html


def test_reminders_are_set_apart() -> None:
    found = shown("before <system-reminder>note</system-reminder> after")

    assert [block.kind for block in found] == ["text", "reminder", "text"]
    assert "note" in found[1].html


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"type": "base64", "media_type": "image/png", "data": PNG}, "image"),
        ({"type": "base64", "media_type": "image/svg+xml", "data": PNG}, "note"),
        ({"type": "base64", "media_type": "image/png", "data": "no base64!"}, "note"),
        ({"type": "base64", "media_type": "image/png", "data": "A" * (14 * 1024 * 1024)}, "note"),
        ({"type": "url", "url": "https://example.com/a.png"}, "note"),
        ({"type": "file", "file_id": "file_1"}, "note"),
        ({}, "note"),
    ],
)
def test_only_small_bitmaps_become_pictures(source: dict[str, Any], kind: str) -> None:
    (block,) = shown([{"type": "image", "source": source}])

    assert block.kind == kind
    assert block.source == (f"data:image/png;base64,{PNG}" if kind == "image" else "")


@pytest.mark.parametrize(
    ("block", "kind", "title"),
    [
        ({"type": "tool_use", "name": "Bash", "input": {}}, "tool_use", "Bash"),
        (
            {"type": "server_tool_use", "name": "web_search", "input": {}},
            "tool_use",
            "web_search (run by the API)",
        ),
        ({"type": "tool_use"}, "tool_use", "a tool without a name"),
        ({"type": "tool_result", "content": "x", "is_error": True}, "tool_result", "Result: error"),
        ({"type": "tool_result"}, "tool_result", "Result"),
        (
            {"type": "web_search_tool_result", "content": [{"type": "web_search_result"}]},
            "tool_result",
            "Result",
        ),
        ({"type": "thinking", "thinking": "hm"}, "thinking", "Thinking"),
        ({"type": "redacted_thinking", "data": "xyz"}, "thinking", "Thinking, encrypted by the API"),
        ({"type": "document", "source": {"media_type": "application/pdf", "data": "x"}}, "note", "Document"),
        ({"type": "hologram", "x": 1}, "other", "hologram"),
        ({"no": "type"}, "other", "A block without a type"),
        ("just text", "other", "A block without a type"),
    ],
)
def test_every_kind_of_block_has_a_look(block: object, kind: str, title: str) -> None:
    (found,) = shown([block])

    assert (found.kind, found.title) == (kind, title)


def test_what_a_tool_gave_back_can_hold_pictures() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}

    (found,) = shown([{"type": "tool_result", "content": [image, {"type": "text", "text": "ok"}]}])

    assert [child.kind for child in found.children] == ["image", "text"]


def test_citations_follow_their_text() -> None:
    found = shown([{"type": "text", "text": "x", "citations": [{"url": "https://example.com"}]}])

    assert [block.title for block in found] == ["", "1 citation"]


@pytest.mark.parametrize("block", ["text", "thinking", "tool_use", "tool_result", "other"])
def test_secrets_are_masked_in_every_block(block: str) -> None:
    secret = "sk-ant-api03-abcdefghijklmnopqrstuv"
    content = {
        "text": {"type": "text", "text": f"key {secret}"},
        "thinking": {"type": "thinking", "thinking": f"key {secret}"},
        "tool_use": {"type": "tool_use", "name": secret, "input": {"key": secret}},
        "tool_result": {"type": "tool_result", "content": f"key {secret}"},
        "other": {"type": "hologram", "value": secret},
    }[block]

    (found,) = shown([content])

    assert secret not in f"{found.html}{found.title}{found.note}"
    assert "****" in f"{found.html}{found.title}"


def test_a_huge_text_is_cut_with_a_note() -> None:
    (found,) = shown("x" * (MAX_TEXT + 1))

    assert "200,000 of 200,001" in found.note
    assert len(found.html) < MAX_TEXT + 100


def test_beyond_the_budget_text_is_plain() -> None:
    budget = Budget(markdown=10)

    first, second = (content_blocks(text, budget)[0].html for text in ("**a**", "**much longer**"))

    assert "<strong>" in first
    assert "<strong>" not in second


def test_a_huge_value_says_that_it_was_cut() -> None:
    assert "The first 200,000" in Budget().json({"x": "y" * MAX_TEXT})


def test_a_very_long_conversation_keeps_the_newest() -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(turns.MAX_TURNS + 5)]

    talk = turns.read({"messages": messages}, ResponseContent())

    assert talk.skipped == 5
    assert [talk.turns[0].number, talk.turns[-1].number] == [6, turns.MAX_TURNS + 5]


def test_turns_are_named_by_who_speaks() -> None:
    messages = [
        {"role": "user", "content": "x"},
        {"role": "user", "content": [{"type": "tool_result", "content": "y"}]},
        {"role": "system", "content": "z"},
        {"role": "robot", "content": []},
        {},
    ]

    talk = turns.read(
        {"messages": messages}, ResponseContent(error_type="overloaded_error", error_message="Overloaded")
    )

    assert [turn.name for turn in talk.turns] == ["User", "Tool results", "System", "robot", "unknown"]
    assert talk.error == "overloaded_error: Overloaded"


@pytest.mark.parametrize(
    "request_body", [None, [], "text", {"messages": "x"}, {"messages": [1, None]}, {"system": 3}]
)
def test_a_request_of_any_shape_is_read(request_body: object) -> None:
    assert {turn.role for turn in turns.read(request_body, ResponseContent()).turns} <= {"unknown"}


def test_nothing_at_all_is_empty() -> None:
    assert turns.read(None, ResponseContent()).is_empty
