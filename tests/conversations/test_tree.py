"""Each turn of made-up sessions stands where it was, in whatever order the turns came."""

from dataclasses import replace

import pytest

from proxy.conversations.parents import LinkKind
from proxy.conversations.tree import Kind, tree_of
from tests.conversations.clients import Json, Thread, World, call, result, text, turn_of
from tests.conversations.trees import built, parents, places, truth


def work(thread: Thread, turns: int) -> None:
    """So many turns with a tool each, and an answer in words at the end."""
    world = thread.world
    used: Json | None = None
    for turn in range(turns):
        said: list[Json] = [text(world.words())] if world.random.random() < 0.5 else []
        thinking = {"type": "thinking", "thinking": world.words(), "signature": "c2ln"}
        content = [result(used)] if used else [text(world.words())]
        if turn == turns - 1:
            thread.ask(content, [thinking, text("Done.")])
        else:
            used = call(world)
            thread.ask(content, [thinking, *said, used])


def test_a_session_with_tools_is_one_line() -> None:
    world = World()
    work(Thread(world), 6)

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert {place.found_by for place in found.values()} == {None, LinkKind.ANSWER}
    assert {(place.kind, place.branch) for place in found.values()} == {(Kind.MAIN, 0)}


def test_a_repeat_is_no_branch_and_the_answered_one_goes_on() -> None:
    world = World()
    thread = Thread(world)
    work(thread, 2)
    first = thread.ask("go on", None)
    thread.again(None, retry_of=first)
    thread.again([text("yes")], retry_of=first)
    thread.ask("and now", [text("well")])

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent) | {5: 4}
    assert [found[place].retry_of for place in (2, 3, 4, 5)] == [
        None,
        world.sent[2].id,
        world.sent[2].id,
        None,
    ]
    assert {place.branch for place in found.values()} == {0}


def test_an_edit_is_a_branch_and_the_line_that_was_there_keeps_its_lane() -> None:
    world = World()
    thread = Thread(world)
    work(thread, 2)
    edited = thread.fork()
    thread.ask("first", [text("one")])
    thread.ask("second", [text("two")])
    edited.ask("another first", [text("three")])
    edited.ask("another second", [text("four")])

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert [found[place].branch for place in range(6)] == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("names", [True, False], ids=["named", "without headers"])
def test_agents_stand_under_their_calls(names: bool) -> None:
    world = World(names=names)
    main = Thread(world)
    prompts = [world.words(12) for _ in range(3)]
    started = [call(world, "Agent", prompt=prompt) for prompt in (*prompts, prompts[0])]
    asked = main.ask([text("go")], started)
    agents = [Thread(world, agent=f"agent{number}", tools=3) for number in range(4)]
    for agent, prompt in zip(agents, (*prompts, prompts[0]), strict=True):
        agent.last = asked
        agent.messages = []
        agent.ask([text(prompt)], None)
        agent.again([call(world)])
    for agent in agents:
        [used] = [block for block in agent.messages[-1]["content"] if block["type"] == "tool_use"]
        agent.ask([result(used)], [text("Done.")])
    main.ask([result(used) for used in started], [text("All done.")])

    tree = built(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert [agent.tool_id for agent in tree.agents] == [used["id"] for used in started]
    assert {agent.called_by for agent in tree.agents} == {world.sent[0].id}
    assert {place.kind for place in tree.places} == {Kind.MAIN, Kind.AGENT}


def test_a_nested_agent_names_its_caller() -> None:
    world = World(names=False)
    outer_call = call(world, "Task", prompt="outer work")
    inner_call = call(world, "Agent", prompt="inner work")
    main = Thread(world)
    main.ask("go", [outer_call])
    outer = Thread(world, agent="outer")
    outer.last = 0
    outer.ask("outer work", [inner_call])
    inner = Thread(world, agent="inner")
    inner.last = 1
    inner.ask("inner work", [text("Done.")])
    outer.ask([result(inner_call)], [text("Done.")])
    main.ask([result(outer_call)], [text("Done.")])

    tree = built(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert [(agent.id, agent.parent_id) for agent in tree.agents] == [
        (outer_call["id"], ""),
        (inner_call["id"], outer_call["id"]),
    ]


def test_after_a_compaction_the_line_goes_on() -> None:
    world = World()
    thread = Thread(world)
    work(thread, 4)
    thread.compact()
    work(thread, 3)
    thread.compact()
    work(thread, 2)

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert [place for place, turn in found.items() if turn.kind is Kind.COMPACTION] == [4, 8]
    assert [place for place, turn in found.items() if turn.found_by is LinkKind.COMPACTION] == [5, 9]
    assert {turn.branch for turn in found.values()} == {0}


def test_a_compaction_of_the_api_goes_on_from_its_block() -> None:
    world = World()
    thread = Thread(world)
    work(thread, 3)
    block = {"type": "compaction", "content": world.words(20), "encrypted_content": "c2VjcmV0"}
    thread.ask("more", [block, text("as I said")])
    thread.messages = [thread.messages[-1]]
    thread.ask("and more", [text("yes")])

    assert parents(world.sent) == truth(world.sent)


def test_side_calls_stand_apart() -> None:
    world = World()
    Thread(world, tools=0).ask("Write a title", [text("A title")], kind="side")
    main = Thread(world)
    work(main, 3)
    suggestion = main.fork()
    suggestion.tools = 0
    suggestion.ask("Suggest what comes next", [text("run the tests")], kind="side")
    main.ask("go on", [text("yes")])

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert [found[place].kind for place in range(6)] == ["side", "main", "main", "main", "side", "main"]
    assert {place.branch for place in found.values()} == {0}


@pytest.mark.parametrize("names", [True, False])
def test_a_hint_header_says_what_a_call_is(names: bool) -> None:
    world = World(names=names)
    main = Thread(world)
    work(main, 2)
    main.fork().ask("Suggest", [text("this")], kind="side")
    pairs = [turn_of(sent) for sent in world.sent]
    hinted = [
        replace(turn, request_class="auxiliary" if turn.id == world.sent[2].id else "main")
        for turn, _ in pairs
    ]

    tree = tree_of(hinted[0].conversation, hinted)

    assert [place.kind for place in tree.places] == ["main", "main", "side"]


def test_a_prefill_and_a_paused_answer_go_on_under_one_name() -> None:
    world = World()
    thread = Thread(world)
    thread.ask("give me JSON", None)
    body = thread.request()
    body["messages"].append({"role": "assistant", "content": "{"})
    world.sent.clear()
    world.send(body, {"id": "msg_1", "content": [text('"a": 1}')]}, parent=None)
    thread.messages.append({"role": "assistant", "content": '{"a": 1}'.replace('{"', '{ "')})
    thread.last = 0
    searched = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    thread.ask("search", [searched])
    paused = thread.fork()
    paused.again([text("found")], parent=1)
    thread.messages = paused.messages
    thread.last = 2
    thread.ask("thanks", [text("welcome")])

    assert parents(world.sent) == truth(world.sent)


def test_a_missing_turn_leaves_a_marked_gap_and_moves_nothing_else() -> None:
    world = World()
    thread = Thread(world)
    work(thread, 3)
    thread.ask("next", [text("an answer that is lost")])
    thread.ask("after", [text("yes")])
    kept = [sent for sent in world.sent if sent.place != 3]

    found = places(kept)

    assert parents(kept) == {0: None, 1: 0, 2: 1, 4: 2}
    assert found[4].found_by is LinkKind.GAP
    assert {place.branch for place in found.values()} == {0}


def test_a_rewritten_last_message_and_answer_keep_their_parent() -> None:
    world = World()
    thread = Thread(world)
    thread.ask([text("go")], [text("a long answer")])
    thread.messages[-1]["content"] = [text("a long answer, edited")]
    thread.messages.append({"role": "user", "content": "<system-reminder>a task ended</system-reminder>"})
    thread.ask("next", [text("yes")])

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert found[1].found_by is LinkKind.PREFIX


def test_a_message_thread_goes_on_from_the_message_that_it_names() -> None:
    world = World()
    thread = Thread(world)
    thread.ask("go", [call(world)])
    used = thread.messages[-1]["content"][0]
    first = world.sent[0].response
    assert first
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": [result(used)]}],
        "thread": {"type": "continue", "previous_message_id": first["id"]},
    }
    world.send(body, {"id": "msg_2", "content": [text("Done.")]}, parent=0)

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert found[1].found_by is LinkKind.THREAD


def test_a_fork_into_another_session_has_its_parent_there() -> None:
    world = World()
    thread = Thread(world)
    work(thread, 3)
    world.session = "session-2"
    thread.ask("elsewhere", [text("yes")])
    pairs = [turn_of(sent) for sent in world.sent]
    [forked] = {turn.conversation for turn, _ in pairs if turn.id == world.sent[3].id}

    [place] = tree_of(forked, [turn for turn, _ in pairs]).places

    assert place.parent == world.sent[2].id


def test_what_was_broken_off_is_no_branch() -> None:
    world = World()
    thread = Thread(world)
    work(thread, 2)
    thread.ask("this takes long", None)
    thread.messages.pop()
    thread.ask("something else", [text("yes")])
    thread.ask("and more", [text("well")])

    found = places(world.sent)

    assert parents(world.sent) == truth(world.sent)
    assert {place.branch for place in found.values()} == {0}
    assert {place.retry_of for place in found.values()} == {None}


def test_a_first_request_that_is_sent_again_has_no_parent() -> None:
    world = World()
    thread = Thread(world)
    first = thread.ask("go", None)
    thread.again([text("yes")], retry_of=first)

    assert parents(world.sent) == truth(world.sent)
    assert places(world.sent)[1].retry_of == world.sent[0].id


def test_a_second_beginning_is_a_branch_of_its_own() -> None:
    world = World()
    work(first := Thread(world), 2)
    work(Thread(world), 4)
    first.ask("once more", [text("yes")])

    assert [places(world.sent)[place].branch for place in range(7)] == [1, 1, 0, 0, 0, 0, 1]


def test_where_agents_have_names_a_person_with_the_same_words_is_none() -> None:
    world = World()
    main = Thread(world)
    main.ask([text("go")], [call(world, "Agent", prompt="look around")])
    agent = Thread(world, agent="a1")
    agent.last = 0
    agent.ask("look around", [text("Done.")])
    Thread(world).ask("look around", [text("Done.")])

    assert parents(world.sent) == truth(world.sent)


def test_an_agent_that_begins_with_what_another_was_told_is_called_by_it() -> None:
    world = World()
    main = Thread(world)
    work(main, 3)
    forked = main.fork()
    forked.agent = "fork"
    forked.ask("do this beside", [text("Done.")])

    tree = built(world.sent)

    assert [(place.found_by, place.agent_id) for place in tree.places][-1] == (LinkKind.AGENT, "fork")
    assert [(agent.id, agent.called_by, agent.tool_id) for agent in tree.agents] == [
        ("fork", world.sent[2].id, "")
    ]
