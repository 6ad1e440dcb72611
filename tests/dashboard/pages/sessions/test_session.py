"""The page of a session."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from proxy.store.models import Conversation, Exchange
from tests import people
from tests.conversations.clients import Sent, Thread, World, call, result
from tests.conversations.clients import text as said
from tests.dashboard.found import make_break, make_finding
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import FINAL, PROMPT, SAID, session, stored
from tests.dashboard.transcript.test_turns import ATTACKS, dangers
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch

pytestmark = pytest.mark.django_db


def address(row: Conversation, query: str = "") -> str:
    return f"/dashboard/session/{row.id}{query}"


def turns(page: str) -> list[UUID]:
    """Those of a list, without what is drawn of them."""
    return [UUID(id_) for id_ in re.findall(r'<article class="step[^"]*" id="turn-([^"]+)"', page)]


def long(count: int) -> list[Sent]:
    world = World(5, "long")
    thread = Thread(world)
    for number in range(count):
        thread.ask(f"question {number:03d}", [said(f"reply {number:03d}")])
    for exchange in world.sent:
        exchange.started_at += timedelta(hours=1)
    return world.sent


def test_main_turns_stand_in_order_with_what_was_new_in_each(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)

    page = text(signed_in, address(row))

    assert turns(page) == [exchange.id for exchange in sent if not exchange.agent]
    article = page.split(f'id="turn-{sent[0].id}"')[1].split("</article>")[0]
    assert SAID in article
    assert "I look." in article
    assert "<strong>Bash</strong>" in article
    assert "12 lines" in article  # the result, which the next request brought
    later = page.split(f'id="turn-{sent[1].id}"')[1].split("</article>")[0]
    assert SAID not in later
    assert "system-reminder" not in page
    assert page.count(FINAL) == 1


def test_an_agent_is_folded_where_it_was_called_with_its_sums(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)

    page = text(signed_in, address(row))
    article = page.split(f'id="turn-{sent[1].id}"')[1].split("</article>")[0]

    assert PROMPT in article
    assert "3 turns" in article  # with the one of the agent that it called
    assert 'hx-get="?part=turns&amp;agent=a-outer"' in article
    assert page.count("agent=a-inner") == 0

    outer = text(signed_in, address(row, "?part=turns&agent=a-outer"))
    assert turns(outer) == [sent[2].id, sent[4].id]
    assert "agent=a-inner" in outer
    assert turns(text(signed_in, address(row, "?part=turns&agent=a-inner"))) == [sent[3].id]


def test_the_tree_has_each_turn_as_a_link_and_marks_what_happened(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)

    page = text(signed_in, address(row))
    drawing = page.split('id="tree-drawing"')[1].split("</svg>")[0]

    assert re.findall(r'href="\?at=([^#"]+)#turn-\1"', drawing) == [str(exchange.id) for exchange in sent]
    for mark in (
        "1 · begin",
        "Agent · 3 turns",
        "529 upstream error",
        "repeat",
        "compaction",
        "branch 1 · 1 turn",
    ):
        assert mark in drawing
    assert SAID not in drawing


def test_the_tree_can_be_read_as_a_table(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)

    rows = text(signed_in, address(row, "?part=table")).split("<tr>")[2:]

    assert len(rows) == len(sent)
    assert "Agent a-outer" in rows[4]
    assert "#3" in rows[4]
    assert "called by it" in rows[2]
    assert "by its summary" in rows[9]


def test_sums_are_split_by_agent_model_tool_and_time(signed_in: Client) -> None:
    row = stored(session())

    page = text(signed_in, address(row))
    sums = page.split('id="sums"')[1].split("</section>")[0]

    for part in (
        "1 failed",
        "1 repeat",
        "1 branch",
        "1 compaction",
        "Bash 1",
        "Agent 2",
        "model 2.0 s",
        "20 %",
    ):
        assert part in sums
    shares = page.split('id="shares"')[1].split("</section>")[0]
    assert re.findall(r'<th scope="row" class="name" title="([^"]+)"', shares) == [
        "main", "Agent a-outer", "Agent a-inner", "claude-sonnet-5", "Agent", "Bash",
    ]  # fmt: skip


def test_a_long_session_goes_on_as_its_reader_scrolls(signed_in: Client) -> None:
    sent = long(120)
    row = stored(sent)

    found, part = [], text(signed_in, address(row))
    while True:
        found += turns(part)
        more = re.findall(r'class="more-turns" hx-get="([^"]+)"', part)
        if not more:
            break
        assert len(turns(part)) == 50
        part = text(signed_in, address(row, more[0].replace("&amp;", "&")))

    assert found == [exchange.id for exchange in sent]
    assert f'id="end" name="after" value="{sent[-1].id}"' in part


def test_a_page_asks_the_database_no_more_for_a_longer_session(
    signed_in: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = stored(long(120))

    with django_assert_max_num_queries(25):
        text(signed_in, address(row))


def test_a_node_leads_to_its_turn_wherever_it_is(signed_in: Client) -> None:
    sent = long(120)
    row = stored(sent)
    agents = session()
    other = stored(agents)

    deep = text(signed_in, address(row, f"?at={sent[100].id}"))
    assert turns(deep) == [exchange.id for exchange in sent[100:]]
    assert turns(text(signed_in, address(other, f"?at={agents[3].id}"))) == [agents[3].id]


def test_failures_and_the_dearest_turns_stand_alone(signed_in: Client) -> None:
    sent = session()
    sent[4].response["usage"] = {"input_tokens": 900_000, "output_tokens": 5}  # type: ignore[index]
    people.make_price("claude-sonnet-5")
    row = stored(sent)

    assert turns(text(signed_in, address(row, "?show=failed"))) == [sent[6].id]
    dearest = text(signed_in, address(row, "?show=dearest"))
    assert turns(dearest)[0] == sent[4].id
    assert f'<a href="?at={sent[4].id}#turn-{sent[4].id}">Agent a-outer</a>' in dearest


def test_a_fork_leads_to_the_session_that_it_goes_on_from(signed_in: Client) -> None:
    world = World(6, "origin")
    thread = Thread(world)
    thread.ask("begin", [said("a reply of its own")])
    stored(world.sent)
    world.session = "forked"
    thread.ask("go on elsewhere", [said("there")])
    forked = stored(world.sent[1:])

    page = text(signed_in, address(forked))

    assert (
        f'goes on from <a href="/dashboard/request/{world.sent[0].id}">a turn of another session</a>' in page
    )
    assert "1 · goes on from another session" in page


def test_a_turn_in_full_comes_when_it_is_unfolded_and_shows_images_as_their_size(signed_in: Client) -> None:
    world = World(2)
    picture = {"type": "base64", "media_type": "image/png", "data": "iVBORw0K" * 1000}
    thread = Thread(world)
    thread.ask([said("Look at this"), {"type": "image", "source": picture}], [said("**A** picture.")])
    row = stored(world.sent)

    page = text(signed_in, address(row))
    whole = text(signed_in, address(row, f"?part=turn&turn={world.sent[0].id}"))

    assert "Image image/png, 6 kB" in page
    assert "<strong>A</strong> picture." in whole
    assert "Image, PNG: 6 kB" in whole
    assert "iVBORw0K" not in page + whole


def test_who_may_not_read_bodies_sees_figures_and_no_words(client: Client) -> None:
    sent = session()
    row = stored(sent)
    client.force_login(people.reader("ann", "view_figures"))

    parts = [
        text(client, address(row, query))
        for query in (
            "", "?part=turns&agent=a-outer", f"?part=turn&turn={sent[0].id}", "?part=table", "?part=news&seen=1",
            f"?part=news&seen=1&after={sent[0].id}", "?show=dearest",
        )
    ]  # fmt: skip

    for part in parts:
        for words in (SAID, PROMPT, FINAL, "12 lines", "I look."):
            assert words not in part
    assert turns(parts[0])
    assert "read_bodies" in parts[0]
    assert "read_bodies" in parts[2]
    assert "Bash" in parts[0]  # names of tools are figures


def test_a_running_session_gets_what_is_new_behind_what_is_read(signed_in: Client) -> None:
    world = World(4, "running")
    thread = Thread(world)
    used = call(world)
    thread.ask([said("first")], [used])
    row = stored(world.sent)
    assert "no result yet" in text(signed_in, address(row))
    assert signed_in.get(address(row, "?part=news&seen=1")).status_code == 204

    started = call(world, "Agent", prompt="help me")
    thread.ask([result(used, "7 lines")], [started])
    agent = Thread(world, agent="a1")
    agent.ask("help me", [said("helped")])
    stored(world.sent[1:])
    part = text(signed_in, address(row, f"?part=news&seen=1&after={world.sent[0].id}"))

    assert turns(part) == [world.sent[1].id]
    assert part.index('hx-swap-oob="beforebegin:#end"') < part.index(f'id="turn-{world.sent[1].id}"')
    assert f'value="{world.sent[1].id}" hx-swap-oob="true"' in part
    calls = part.split(f'id="calls-{world.sent[0].id}"')[1].split("</div>")[0]
    assert "7 lines" in calls
    assert part.count("agent=a1") == 1
    assert "seen=3" in part

    elsewhere = text(signed_in, address(row, "?part=news&seen=1&after="))
    assert turns(elsewhere) == []
    assert f'hx-swap-oob="beforeend:#agents-{world.sent[1].id}"' in elsewhere


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_session_full_of_attacks_is_harmless(signed_in: Client, attack: str) -> None:
    world = World(2, attack)
    main = Thread(world)
    used = call(world, attack, command=attack)
    main.ask(attack, [said(attack), used])
    started = call(world, "Agent", prompt=attack)
    main.ask([result(used, attack)], [started])
    agent = Thread(world, agent=attack.replace("\n", " "))
    agent.ask(attack, [said(attack)])
    world.sent[-1].headers["x-claude-code-agent-type"] = "<script>"
    people.take_in(make_batch(*map(record_of, world.sent)))
    row = Conversation.objects.get()

    for query in (
        "",
        "?part=table",
        "?part=filling",
        f"?part=turn&turn={row.last_id}",
        "?part=turns&agent=side",
        "?part=news",
    ):
        assert dangers(text(signed_in, address(row, query))) == []
    assert dangers(text(signed_in, "/dashboard/sessions")) == []


@pytest.mark.parametrize("prefix", ["/dashboard/session/", "/dashboard/conversation/"])
def test_a_sessions_id_leads_to_its_only_conversation_or_to_the_list(signed_in: Client, prefix: str) -> None:
    row = stored(session())

    for name in (row.session_id, str(row.id).upper()):
        assert signed_in.get(f"{prefix}{name}").headers["Location"] == f"/dashboard/session/{row.id}"

    later = session()
    for exchange in later:
        exchange.started_at += timedelta(hours=1)
    stored(later, "b.example")
    assert signed_in.get(f"{prefix}session-1").headers["Location"] == "/dashboard/sessions?session=session-1"
    assert signed_in.get(f"{prefix}unknown").status_code == 404


def test_a_turn_that_is_none_is_not_found_and_an_unknown_part_is_the_page(signed_in: Client) -> None:
    row = stored(session())

    assert signed_in.get(address(row, "?part=turn&turn=x")).status_code == 404
    assert turns(text(signed_in, address(row, "?part=x&at=x&show=x")))


def test_no_answer_of_it_is_stored_anywhere(signed_in: Client) -> None:
    row = stored(session())

    for query in ("", "?part=turns", "?part=table"):
        assert signed_in.get(address(row, query)).headers["Cache-Control"] == "no-store"


def test_what_was_found_stands_beside_the_turns_and_leads_to_them(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)
    exchanges = Exchange.objects.in_bulk([sent[1].id, sent[6].id])
    make_break(
        exchanges[sent[1].id], conversation=row.id, parent=sent[0].id, cause="system", at="system block 0"
    )
    found = {"kind": "retries", "sentence": "One request was sent 3 times."}
    make_finding(exchanges[sent[6].id], conversation=row.id, **found)

    page = text(signed_in, address(row))

    assert "1 turn did not read 20.0K tokens that were cached" in page
    article = page.split(f'id="turn-{sent[1].id}"')[1].split("</article>")[0]
    assert f'href="/dashboard/request/{sent[1].id}/diff">system, system block 0</a>' in article
    assert "One request was sent 3 times." in page
    assert f'<a href="?at={sent[6].id}#turn-{sent[6].id}">#7</a>' in page


def test_a_session_without_findings_has_no_place_for_them(signed_in: Client) -> None:
    assert "findings-title" not in text(signed_in, address(stored(session())))


def test_a_session_can_be_taken_away_by_who_may_read_it(signed_in: Client) -> None:
    row = stored(session())

    page = text(signed_in, address(row))

    for form in ("md", "json", "html"):
        assert f'href="/api/conversations/{row.id}/export?format={form}" download' in page
        assert signed_in.get(f"/api/conversations/{row.id}/export?format={form}").status_code == 200
