"""`/api/findings`: what was found in conversations of a period, with its turns and what to do."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from dashboard.queries import findings
from proxy.conversations.findings.finding import TO_DO, FindingKind
from proxy.store.models import moment_of
from tests import people
from tests.dashboard.found import CONVERSATION, make_finding

pytestmark = pytest.mark.django_db


def found(program: Client, query: str = "") -> list[tuple[str, str]]:
    listed = program.get(f"/api/findings?{query}").json()["findings"]
    return [(each["requestId"], each["kind"]) for each in listed]


def test_a_finding_has_its_turns_its_sentence_and_what_to_do(program: Client) -> None:
    first, last = people.make_exchange(), people.make_exchange(domain="b.example")
    make_finding(last, turns=[first.id, last.id])

    assert program.get("/api/findings").json() == {
        "findings": [
            {
                "requestId": str(last.id),
                "conversationId": str(CONVERSATION),
                "domain": "b.example",
                "kind": "repeated call",
                "turns": [str(first.id), str(last.id)],
                "sentence": "Read was called 3 times with the same input.",
                "toDo": TO_DO[FindingKind.REPEATED_CALL],
            }
        ],
        "more": False,
        "nextBefore": None,
        "kinds": [
            {
                "kind": "repeated call",
                "findings": 1,
                "conversations": 1,
                "toDo": TO_DO[FindingKind.REPEATED_CALL],
            }
        ],
        "lookedBackTo": None,
    }


def test_the_newest_come_first_and_those_of_a_turn_in_their_places(program: Client) -> None:
    older = make_finding(kind="retries")
    newer = people.make_exchange()
    for place, kind in ((1, "tool schemas"), (0, "slow tool")):
        make_finding(newer, place=place, kind=kind)

    assert found(program) == [
        (str(newer.id), "slow tool"),
        (str(newer.id), "tool schemas"),
        (str(older.id), "retries"),
    ]
    assert found(program, "limit=2") == found(program)[:2]
    assert program.get("/api/findings?limit=2").json()["more"] is True


def test_a_kind_is_listed_alone_and_all_are_counted(program: Client) -> None:
    both = people.make_exchange()
    make_finding(both, place=0, kind="retries")
    make_finding(both, place=1, kind="cut answers")
    make_finding(kind="retries")
    listed = program.get("/api/findings?kind=cut+answers").json()

    assert [each["kind"] for each in listed["findings"]] == ["cut answers"]
    assert [(each["kind"], each["findings"]) for each in listed["kinds"]] == [
        ("retries", 2),
        ("cut answers", 1),
    ]
    assert listed["more"] is False


def test_the_filter_is_of_period_and_domain(program: Client) -> None:
    old = make_finding(people.make_exchange(at=datetime(2026, 7, 20, tzinfo=UTC)))
    other = make_finding(people.make_exchange(domain="b.example"))

    assert [id_ for id_, _ in found(program, "to=2026-08-01")] == [str(old.id)]
    assert [id_ for id_, _ in found(program, "from=2026-08-01")] == [str(other.id)]
    assert [id_ for id_, _ in found(program, "domain=b.ex")] == [str(other.id)]
    assert program.get("/api/findings?model=m").status_code == 422
    assert program.get("/api/findings?kind=luck").status_code == 422


def test_it_looks_at_so_many_and_says_how_far_back(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [make_finding() for _ in range(3)]
    monkeypatch.setattr(findings, "MOST", 2)
    listed = program.get("/api/findings").json()

    assert [each["requestId"] for each in listed["findings"]] == [str(row.id) for row in rows[:0:-1]]
    assert listed["lookedBackTo"].startswith(f"{moment_of(rows[1].id):%Y-%m-%dT%H:%M:%S}")


def test_secrets_in_names_of_tools_are_masked_and_figures_alone_open_it(client: Client) -> None:
    make_finding(sentence="sk-ant-api03-the-teams-secret-key-0001 was called 3 times.")
    client.force_login(people.reader("analyst", "view_figures"))
    [finding] = client.get("/api/findings").json()["findings"]

    assert finding["sentence"] == "sk-ant-**** was called 3 times."


def test_a_list_goes_on_where_it_ended(program: Client) -> None:
    both = people.make_exchange()
    for place in (0, 1):
        make_finding(both, place=place)
    make_finding(kind="retries")
    listed, query = [], "limit=1"
    for _ in range(3):
        page = program.get(f"/api/findings?{query}").json()
        listed += [(each["requestId"], each["kind"]) for each in page["findings"]]
        query = f"limit=1&before={page['nextBefore']}"

    assert listed == found(program)
    assert page["nextBefore"] is None
    assert program.get("/api/findings?before=luck").status_code == 422
