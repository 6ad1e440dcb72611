"""The page of one request: raw JSON read on demand, limits of its answer, its command of curl, its place in a list."""

import json
import re
import shlex
from html import unescape

import pytest
from django.test import Client

from proxy.store.models import Exchange
from tests import people
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db
KEY = "sk-ant-api03-abcdefghijklmnop"


def curl(client: Client, row: Exchange) -> list[str]:
    """The words of the last command, as a shell takes them apart."""
    page = text(client, f"/dashboard/request/{row.id}")
    [found] = re.findall(r'<pre id="curl"[^>]*>(.*?)</pre>', page, re.DOTALL)
    return shlex.split(unescape(found).replace("\\\n", " "))


def test_a_small_request_becomes_a_command_without_any_credential(signed_in: Client) -> None:
    headers = [
        *(("Authorization", f"Bearer {KEY}"), ("Cookie", "a=b"), ("content-length", "9"), ("x-custom", KEY)),
        *(
            ("anthropic-version", "2023-06-01"),
            ("x-odd", "it's $HOME `id`"),
            ("content-type", "application/json"),
        ),
    ]
    body = {"messages": [{"role": "user", "content": "it's $(id)"}]}
    words = curl(signed_in, people.make_exchange(request=body, request_headers=headers, query="beta=true"))
    sent = [words[at + 1] for at, word in enumerate(words) if word == "-H"]

    assert words[:2] == ["curl", "http://testserver:3000/v1/messages?beta=true"]
    assert sent == [
        *(
            "host: api.example.com",
            "authorization: Bearer $ANTHROPIC_AUTH_TOKEN",
            "anthropic-version: 2023-06-01",
        ),
        *("x-odd: it's $HOME `id`", "content-type: application/json"),
    ]
    assert json.loads(words[words.index("--data-raw") + 1]) == body


@pytest.mark.parametrize("content", ["long " * 2000, f"the key is {KEY}"])
def test_a_large_or_secret_body_is_fetched_into_a_file(signed_in: Client, content: str) -> None:
    row = people.make_exchange(request={"messages": [{"role": "user", "content": content}]})
    words = curl(signed_in, row)

    assert KEY not in " ".join(words)
    assert words[words.index("-o") + 1 : words.index("-o") + 3] == [
        f"request-{row.id}.body",
        f"http://testserver/api/requests/{row.id}/raw/request",
    ]
    assert words[-2:] == ["--data-binary", f"@request-{row.id}.body"]


def test_a_command_and_parts_of_bodies_are_for_their_readers(client: Client) -> None:
    row = people.make_exchange(request={"messages": "said"})
    client.force_login(people.reader("ann", "view_figures"))

    assert "Repeat it with curl" not in text(client, f"/dashboard/request/{row.id}")
    assert client.get(f"/dashboard/request/{row.id}?part=json&side=request&at=").status_code == 403
    assert "said" not in text(client, f"/dashboard/request/{row.id}?part=message&number=1")


def test_the_limits_of_an_answer_are_gauges(signed_in: Client) -> None:
    prefix = "anthropic-ratelimit-"
    headers = {
        "unified-5h-utilization": "0.42",
        "unified-5h-reset": "1764424800",
        "unified-7d_sonnet-utilization": "1.0",
        "requests-limit": "50",
        "requests-remaining": "49",
        "requests-reset": "2026-11-29T14:00:00Z",
        "odd-utilization": "0.1",
        "odd-reset": "99999999999999",
    }
    row = people.make_exchange(response_headers=[(prefix + name, value) for name, value in headers.items()])
    page = text(signed_in, f"/dashboard/request/{row.id}?view=headers")
    gauges = re.findall(
        r'<span class="what">([^<]+)</span>.*?class="(full|used)" width="([\d.]+)"', page, re.DOTALL
    )

    assert gauges == [
        *(("7-day window, sonnet", "full", "100.0"), ("5-hour window", "used", "42.0")),
        *(("Odd", "used", "10.0"), ("Requests", "used", "2.0")),
    ]
    assert "49 of 50 left, reset 2026-11-29" in page
    assert "Limits as this answer" not in text(
        signed_in, f"/dashboard/request/{people.make_exchange().id}?view=headers"
    )


def test_the_requests_beside_it_are_those_of_the_list_that_one_came_from(signed_in: Client) -> None:
    rows = [
        people.make_exchange(at=people.hours_ago(4 - hour), model=model) for hour, model in enumerate("abab")
    ]
    listed = text(signed_in, "/dashboard/requests?model=a")
    [address] = re.findall(rf'href="(/dashboard/request/{rows[2].id}[^"]*)"', listed)
    page = text(signed_in, unescape(address))
    [part] = re.findall(r'aria-label="Its list" hx-get="([^"]+)"', page)
    beside = text(signed_in, f"/dashboard/request/{rows[2].id}{unescape(part)}")
    among_all = text(signed_in, f"/dashboard/request/{rows[2].id}?part=beside")

    assert address.endswith("?list=model%3Da")
    assert "Not used of this address" not in page
    assert f'href="/dashboard/request/{rows[0].id}?list=model%3Da">Older' in beside
    assert ">Newer" not in beside
    assert f'href="/dashboard/request/{rows[3].id}">Newer' in among_all
    assert f'href="/dashboard/request/{rows[1].id}">Older' in among_all
    assert text(
        signed_in, f"/dashboard/request/{rows[2].id}?part=beside&list=status%3Dx"
    ) == among_all.replace(f'{rows[3].id}"', f'{rows[3].id}?list=status%3Dx"').replace(
        f'{rows[1].id}"', f'{rows[1].id}?list=status%3Dx"'
    )


def test_a_large_body_is_a_tree_that_is_read_level_by_level(signed_in: Client) -> None:
    messages = [
        {"role": "user", "content": f"word {number} {KEY if number == 140 else ''}"} for number in range(150)
    ]
    row = people.make_exchange(request={"max_tokens": 64, "messages": messages, "long": "y " * 60_000})
    page = text(signed_in, f"/dashboard/request/{row.id}?view=raw")

    def part(query: str) -> str:
        return text(signed_in, f"/dashboard/request/{row.id}?part=json&side=request&{query}")

    assert 'data-path=".max_tokens"' in page
    assert 'data-path=".messages[99]"' in page
    assert 'data-path=".messages[100]"' not in page
    assert 'data-path=".messages[149].role"' not in page
    rest = part("at=/messages&from=100")
    assert rest.count('class="node') == 50
    assert KEY not in part("at=/messages/140") + part("find=word+140") + rest
    assert "sk-ant-****" in part("at=/messages/140")
    assert len(re.findall('class="key">.messages', part("find=WORD+14"))) == 11
    first = part("at=/long")
    [further] = re.findall(r"from=(\d+)", first)
    assert first.count("y ") + part(f"at=/long&from={further}").count("y ") >= 49_000
    assert signed_in.get(f"/dashboard/request/{row.id}?part=json&side=request&at=/nowhere").status_code == 404
    assert signed_in.get(f"/dashboard/request/{row.id}?part=json&side=other").status_code == 404
    assert 'id="raw-request"' in part("as=text")


def test_a_body_that_is_no_json_is_text(signed_in: Client) -> None:
    short, long = (
        people.make_exchange(request=b"<html>short"),
        people.make_exchange(request=b"<html>long" * 9000),
    )

    assert "&lt;html&gt;short" in text(signed_in, f"/dashboard/request/{short.id}?view=raw")
    assert "&lt;html&gt;long" not in text(signed_in, f"/dashboard/request/{long.id}?view=raw")
    assert "&lt;html&gt;long" in text(
        signed_in, f"/dashboard/request/{long.id}?part=json&side=request&as=text"
    )
