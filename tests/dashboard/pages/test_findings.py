"""The page of findings: sums by kind with what to do, and each finding with its turns in their session."""

import re
from uuid import UUID

import pytest
from django.test import Client
from django.utils.html import escape

from dashboard.pages.findings import view
from dashboard.queries import findings
from proxy.conversations.findings.finding import MEANS, TO_DO, FindingKind
from proxy.store.models import Exchange
from tests import people
from tests.dashboard.found import make_finding
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import SAID, session, stored

pytestmark = pytest.mark.django_db
ADDRESS = "/dashboard/findings"
OTHER = UUID(int=6)


def kinds(page: str) -> list[str]:
    """Those of the list, in its order."""
    return re.findall(r'<span class="tag warn">([^<]+)</span>', page)


def test_kinds_stand_with_their_sums_and_what_to_do(signed_in: Client) -> None:
    for conversation in (OTHER, OTHER, UUID(int=7)):
        make_finding(kind="retries", conversation=conversation)
    make_finding(kind="slow tool")
    page = text(signed_in, ADDRESS)
    rows = re.findall(r'aria-current|<th scope="row">.*?</tr>', page.split('id="kinds"')[1], re.DOTALL)

    assert re.findall(r">(\d+)</td>", rows[0]) == ["3", "2"]
    assert re.findall(r">(\d+)</td>", rows[1]) == ["1", "1"]
    assert escape(TO_DO[FindingKind.RETRIES]) in rows[0]
    assert escape(MEANS[FindingKind.SLOW_TOOL]) in rows[1]


def test_every_kind_says_what_it_means_and_what_to_do(signed_in: Client) -> None:
    for kind in FindingKind:
        make_finding(kind=kind)
    page = text(signed_in, ADDRESS)

    for kind in FindingKind:
        assert escape(MEANS[kind]) in page
        assert escape(TO_DO[kind]) in page


def test_a_finding_says_how_it_was_found_and_leads_to_its_turns(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)
    last = Exchange.objects.get(id=sent[1].id)
    make_finding(last, conversation=row.id, turns=[sent[0].id, sent[1].id])
    page = text(signed_in, f"{ADDRESS}?from=2026-01-01")

    assert "Read was called 3 times with the same input." in page
    for each in sent[:2]:
        assert f'href="/dashboard/session/{row.id}?at={each.id}#turn-{each.id}"' in page
    assert SAID in page


def test_words_of_people_are_for_readers_of_bodies(client: Client) -> None:
    sent = session()
    row = stored(sent)
    make_finding(Exchange.objects.get(id=sent[1].id), conversation=row.id)
    client.force_login(people.reader("analyst", "view_figures"))
    page = text(client, f"{ADDRESS}?from=2026-01-01")

    assert SAID not in page
    assert row.session_id in page


def test_one_of_a_conversation_that_is_gone_leads_to_its_requests(signed_in: Client) -> None:
    row = make_finding()

    assert f'href="/dashboard/request/{row.id}"' in text(signed_in, ADDRESS)


def test_a_kind_is_shown_alone_and_the_others_stay_in_the_table(signed_in: Client) -> None:
    make_finding(kind="retries")
    make_finding(kind="cut answers")
    page = text(signed_in, f"{ADDRESS}?kind=cut+answers&domain=api.example.com")

    assert kinds(page) == ["cut answers"]
    assert 'href="?domain=api.example.com&amp;kind=retries"' in page
    assert 'href="?domain=api.example.com" aria-current="true"' in page
    assert "None of this kind" in text(signed_in, f"{ADDRESS}?kind=slow+tool")


def test_it_goes_on_page_by_page_with_its_filter(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "PAGE_SIZE", 2)
    both = people.make_exchange()
    for place, kind in ((1, "tool schemas"), (0, "slow tool")):
        make_finding(both, place=place, kind=kind)
    for kind in ("retries", "cut answers", "retries"):
        make_finding(kind=kind)
    found, page = [], text(signed_in, f"{ADDRESS}?domain=api.example.com")
    while True:
        found += kinds(page)
        assert len(kinds(page)) <= 2
        more = re.findall(r'rel="next" href="([^"]+)"', page)
        if not more:
            break
        assert "domain=api.example.com" in more[0]
        page = text(signed_in, more[0].replace("&amp;", "&"))

    assert found == ["retries", "cut answers", "retries", "slow tool", "tool schemas"]
    assert f'href="{ADDRESS}?domain=api.example.com">Newest</a>' in page
    assert re.findall(r'data-label="Findings">(\d+)<', page) == ["2", "1", "1", "1"]


def test_a_rare_kind_is_looked_for_further_back(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MOST", 2)
    rare = make_finding(people.make_exchange(at=people.hours_ago(5)), kind="slow tool")
    for hour in (4, 3, 2):
        make_finding(people.make_exchange(at=people.hours_ago(hour)), kind="retries")
    page = text(signed_in, f"{ADDRESS}?kind=slow+tool")

    assert "sums go back to" in page
    [more] = re.findall(r'rel="next" href="([^"]+)">Look further', page)
    assert str(rare.id) in text(signed_in, more.replace("&amp;", "&"))


def test_without_a_period_it_is_of_seven_days_and_an_empty_page_says_what_is_looked_for(
    signed_in: Client,
) -> None:
    make_finding(people.make_exchange(at=people.hours_ago(8 * 24)))
    page = text(signed_in, ADDRESS)

    assert "Nothing was found" in page
    assert "FINDINGS_REPEATS" in page
    assert len(kinds(text(signed_in, f"{ADDRESS}?period=30d"))) == 1


def test_what_cannot_be_used_is_said(signed_in: Client) -> None:
    make_finding()

    assert "kind: it is none of" in text(signed_in, f"{ADDRESS}?kind=luck")
    assert signed_in.get(f"{ADDRESS}?before=luck").status_code == 404
    assert signed_in.get(f"{ADDRESS}?before={UUID(int=5)}").status_code == 404


def test_a_session_in_the_list_says_how_many_it_has(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)
    assert "finding" not in text(signed_in, "/dashboard/sessions").split("<tbody")[1]
    for place in (0, 1):
        make_finding(Exchange.objects.get(id=sent[1].id), conversation=row.id, place=place)

    assert f'href="/dashboard/session/{row.id}#findings-title">2 findings</a>' in text(
        signed_in, "/dashboard/sessions"
    )
