"""The three forms: the same transcript, and nothing that anybody wrote gets out of its place."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import get_args
from uuid import UUID

import pytest

from proxy.store.transcripts import markdown
from proxy.store.transcripts.forms import FORMS, FormName
from proxy.store.transcripts.reading import transcript_of
from tests.roles import OWNER
from tests.store.transcripts.talks import SECRET, store, talk

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

HOSTILE = (
    "</div></script><script>alert(1)</script><img src=x onerror=alert(1)> \"'&lt;\n"
    "````\n```\n# A heading\n![i](https://evil.example/i.png) <b>bold</b>\n> quoted\n</style><style>*{display:none}</style>"
)


def written(form: FormName, words: str = "Look at the parser") -> str:
    return "".join(FORMS[form].write(transcript_of(store(talk(words)))))


class Tags(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    return tags


ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "article",
        "section",
        "h1",
        "h2",
        "h3",
    ),
    *("h4", "dl", "div", "dt", "dd", "p", "pre", "details", "summary"),
}


def test_every_form_has_its_name_and_type() -> None:
    assert set(FORMS) == set(get_args(FormName))
    assert FORMS["md"].file_name(UUID(int=1)) == "conversation-00000000-0000-0000-0000-000000000001.md"


@pytest.mark.parametrize("words", ["Look at the parser", HOSTILE])
def test_a_page_is_whole_runs_nothing_and_asks_for_nothing(words: str) -> None:
    tags = read(written("html", words))

    assert set(tags.tags) <= ALLOWED
    assert tags.open == []
    assert tags.tags.count("style") == 1
    assert set(tags.attributes) <= {"lang", "charset", "http-equiv", "content", "name", "id", "class"}
    assert "default-src 'none'; style-src 'unsafe-inline'" in tags.attributes["content"]
    assert " ".join(words.split()) in " ".join(tags.text.split())


def test_a_page_is_light_and_dark_and_fits_a_phone() -> None:
    page = written("html")

    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page
    assert "url(" not in page
    assert "@import" not in page


def outside_of_fences(text: str) -> Iterator[str]:
    """As CommonMark has it: a fence ends with one that is as long at least, in the same quotation."""
    fence = ""
    for line in text.split("\n"):
        inner = re.sub(r"^(> ?)+", "", line)
        if fence:
            if re.fullmatch("`+ *", inner) and len(inner.strip()) >= len(fence):
                fence = ""
        elif found := re.match("`{3,}", inner):
            fence = found[0]
        else:
            yield inner
    assert not fence


def test_nothing_that_anybody_wrote_becomes_markdown() -> None:
    rest = list(outside_of_fences(written("md", HOSTILE)))

    headings = [line for line in rest if line.startswith("#")]
    assert all(re.match(r"# .*Calls beside|## Turn \d+$|# \\?", line) for line in headings)
    assert not [line for line in rest if "<" in line or re.search(r"(?<!\\)!\[", line)]


def test_markdown_has_agents_in_quotations_under_their_call() -> None:
    text = written("md")

    assert "\n> **Agent outer" in text
    assert "\n> > **Agent inner" in text
    assert text.index("**Call: Agent**") < text.index("Agent outer") < text.index("> > ## Turn 5")
    assert "12 files\nBearer ****" in text


@pytest.mark.parametrize("text", ["", "```", "a ` b", "~~~\n`````\n````", "\r\n\x0b\u2028x"])
def test_a_fence_holds_any_text(text: str) -> None:
    lines = list(markdown.fenced(text))

    assert list(outside_of_fences("\n".join(lines))) == [""]


def test_json_is_the_transcript_by_the_names_of_the_api() -> None:
    found = json.loads(written("json"))

    assert set(found) == {"nexusTranscript", "conversation", "turns", "agents", "sideCalls"}
    assert found["conversation"]["sessionId"] == "session-1"
    turn = found["turns"][1]
    assert (turn["link"], turn["parentId"]) == ("answer", found["turns"][0]["requestId"])
    assert turn["response"][0]["agents"][0]["turns"][0]["agentId"] == "outer"
    assert found["turns"][0]["asked"] == [
        {"type": "text", "text": "Look at the parser"},
        {"type": "attachment", "kind": "image", "sizeBytes": 4, "mediaType": "image/png"},
    ]


@pytest.mark.parametrize("form", get_args(FormName))
def test_no_form_shows_a_secret(form: FormName) -> None:
    text = written(form, f"My key is {SECRET}")

    assert "SECRET" not in text
    assert "hunter2" not in text
    assert "****" in text or r"\*\*\*\*" in text
