"""What fills a context, on the page of a request: a bar and a table that say what is exact and what an estimate."""

import re

import pytest
from django.test import Client

from dashboard.pages import context_parts
from dashboard.queries import makeup
from dashboard.templatetags.nexus import grouped
from proxy.conversations.findings.context_makeup import Certainty, Content, Makeup, Share, What
from proxy.store.models import Exchange
from tests import people
from tests.conversations.clients import Sent
from tests.dashboard.large import large_session
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db


def part(client: Client, sent: Sent) -> str:
    return text(client, f"/dashboard/request/{sent.id}?part=makeup")


def tokens(sent: Sent) -> int:
    return Exchange.objects.get(id=sent.id).counts.prompt


def test_the_page_leaves_room_for_it_and_reads_it_on_demand(signed_in: Client) -> None:
    sent = large_session()
    stored(sent)
    page = text(signed_in, f"/dashboard/request/{sent[1].id}")

    assert 'hx-get="?part=makeup" hx-trigger="load"' in page
    assert f"{grouped(tokens(sent[1]))} tokens" in page
    assert 'class="strip"' not in page


def test_a_small_request_has_no_place_for_it(signed_in: Client) -> None:
    sent = session()
    stored(sent)

    assert "part=makeup" not in text(signed_in, f"/dashboard/request/{sent[0].id}")
    assert "part=makeup" not in text(signed_in, f"/dashboard/request/{people.make_exchange().id}")


def test_shares_are_called_estimates_and_totals_exact(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makeup, "LEAST_ADDED", 1)
    sent = large_session()
    stored(sent)
    shown = part(signed_in, sent[1])
    names = re.findall(r'<tr><th scope="row">([^<]+)</th>', shown)
    more = tokens(sent[1]) - tokens(sent[0])

    assert names[0] == "system"
    assert {"tools", "tools of github", "tools of wiki", "history", "tool results"} <= {*names}
    assert names[-1] == "Counted by the API"
    assert f"<strong>+{grouped(more)}</strong> tokens against" in shown
    assert f'href="/dashboard/request/{sent[0].id}">the turn before</a>' in shown
    assert ">exact</span>" in shown
    assert ">estimate</span>" in shown
    assert ">Estimate</th>" in shown
    assert ">New, estimate</th>" in shown
    assert shown.count("<rect class=") >= len(names) - 1
    assert "style=" not in shown


def test_a_turn_after_a_compaction_has_fewer_tokens_and_no_new_column(signed_in: Client) -> None:
    sent = large_session(8)
    stored(sent)
    summary = next(each for each in sent if each.kind == "compaction")
    after = sent[summary.place + 1]
    shown = part(signed_in, after)

    assert f"<strong>{grouped(tokens(after) - tokens(summary))}</strong> tokens against" in shown
    assert "New, estimate" not in shown


def test_it_holds_figures_and_no_words_so_figures_alone_open_it(client: Client) -> None:
    sent = large_session()
    stored(sent)
    client.force_login(people.reader("analyst", "view_figures"))
    shown = part(client, sent[1])

    assert "tools of github" in shown
    assert "careful engineer" not in shown
    assert "diff" not in text(client, f"/dashboard/request/{sent[1].id}?part=position")


def test_what_cannot_be_read_is_said(signed_in: Client) -> None:
    sent = large_session()
    sent[1].body["thread"] = {"type": "continue", "previous_message_id": sent[0].response["id"]}  # type: ignore[index]
    stored(sent)

    assert "continues a message thread" in part(signed_in, sent[1])
    assert "tokens against" in part(signed_in, sent[1])


def test_few_servers_are_named_and_the_others_stand_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_parts, "MOST_SERVERS", 1)
    shares = [Share(What(Content.TOOLS, name), 10, size) for name, size in (("a", 5), ("b", 50), ("c", 40))]
    found = Makeup(100, Certainty.ESTIMATE, (Share(What(Content.SYSTEM), 1, 5), *shares))

    assert [(part.name, part.tokens) for part in context_parts.parts_of(found)] == [
        ("system", 5),
        ("tools of b", 50),
        ("tools of other MCP servers", 45),
    ]
    assert [(part.name, part.tokens) for part in context_parts.parts_of(found, by_server=False)] == [
        ("system", 5),
        ("tools", 95),
    ]


def test_the_position_leads_to_the_difference_and_offers_any_turn(signed_in: Client) -> None:
    sent = large_session()
    stored(sent)
    shown = text(signed_in, f"/dashboard/request/{sent[1].id}?part=position")
    offered = re.findall(r'<option value="([^"]+)"( selected)?>', shown)

    assert f'href="/dashboard/request/{sent[1].id}/diff?against={sent[0].id}"' in shown
    assert [id_ for id_, _ in offered] == [str(each.id) for each in sent if each is not sent[1]]
    assert [id_ for id_, is_chosen in offered if is_chosen] == [str(sent[0].id)]
    assert f'action="/dashboard/request/{sent[1].id}/diff"' in shown


def test_the_difference_offers_other_turns_to_compare_with(signed_in: Client) -> None:
    sent = large_session()
    stored(sent)
    shown = text(signed_in, f"/dashboard/request/{sent[4].id}/diff?against={sent[0].id}")

    assert re.findall(r'<option value="([^"]+)" selected>', shown) == [str(sent[0].id)]
