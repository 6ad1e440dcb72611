import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from threading import BoundedSemaphore, Event, Thread
from typing import Any

import anthropic
import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.received import Received
from nexus_project.demo.samples import rarities
from nexus_project.demo.samples import trickle as trickle_module
from nexus_project.demo.samples.__main__ import main
from nexus_project.demo.samples.programme import PROGRAMME, SLOW, Scene
from nexus_project.demo.samples.scenes import (
    Play,
    UnexpectedResponseError,
    question,
    refused,
    slow_stream,
    tool_loop,
)
from nexus_project.demo.samples.sender import DOMAINS, Sender
from nexus_project.demo.samples.session import agent_session
from nexus_project.demo.serving import Running


@pytest.fixture
def sender(emulator: Running[Emulator]) -> Iterator[Sender]:
    sender = Sender(emulator.url, "sk-ant-demo-test")
    yield sender
    sender.close()


def body(entry: Received) -> Any:
    return json.loads(entry.body)


def unmarked(entry: Received) -> Any:
    """The body without the mark, which moves on."""
    return json.loads(entry.body, object_hook=lambda item: {**item, "cache_control": None})


def blocks_of(messages: list[Any]) -> list[Any]:
    return [block for message in messages for block in message["content"] if isinstance(block, dict)]


def place(messages: list[Any], words: str) -> dict[str, Any]:
    """Where a block holds these words: the message's index, and the block."""
    return next(
        {"message": index, "block": block}
        for index, message in enumerate(messages)
        for block in blocks_of([message])
        if words in json.dumps(block)
    )


def test_the_programme_leaves_a_plausible_log(
    emulator: Running[Emulator], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--proxy", emulator.url]) == 0

    log = emulator.app.log.settled(50)
    assert {entry.value("host") for entry in log} == set(DOMAINS)
    assert {entry.status for entry in log} == {200, 400, 404, 429, 529}
    assert {entry.outcome for entry in log} == {"answered", "client_left"}
    assert {entry.credential for entry in log} == {"sk-ant-demo-0000000000000000000000000000"}
    assert f"{len(log)} requests for 4 domains, 6 of them refused on purpose" in capsys.readouterr().out


def test_the_programme_shows_every_kind_of_answer_that_is_billed_its_own_way(
    emulator: Running[Emulator], sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    responses: list[Any] = []
    ask = sender.ask

    def noting(*words: Any, **more: Any) -> Any:
        responses.append(ask(*words, **more))
        return responses[-1]

    monkeypatch.setattr(sender, "ask", noting)
    for scene in PROGRAMME:
        if not scene.title.startswith("agent"):
            scene.play(sender, random.Random(scene.title))

    usages = [response.usage for response in responses]
    iterations = [getattr(usage, "iterations", None) or [] for usage in usages]
    assert {usage.speed for usage in usages} == {"standard", "fast"}
    assert {usage.inference_geo for usage in usages} == {"global", "us"}
    assert {usage.service_tier for usage in usages} == {"standard", "priority"}
    assert {entry.type for entries in iterations for entry in entries} == {
        *("message", "compaction", "fallback_message")
    }
    assert {response.stop_details.category for response in responses if response.stop_details} == {
        *("cyber", "bio", "reasoning_extraction")
    }
    long = [response for response in responses if response.usage.input_tokens > 100_000]
    assert {response.model for response in long} == {"claude-haiku-5-5"}
    assert {entry.value("anthropic-version") for entry in emulator.app.log} == {"2023-06-01", "2026-10-21"}


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (rarities.declined("bio"), "did not decline"),
        (rarities.taken_over, "took over"),
        (rarities.compacted, "summarized"),
    ],
)
def test_a_rare_answer_that_does_not_come_is_noticed(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, scene: Play, words: str
) -> None:
    ask = sender.ask
    monkeypatch.setattr(sender, "ask", lambda *given, **more: ask(*given, **{**more, "emulate": ""}))

    with pytest.raises(UnexpectedResponseError, match=words):
        scene(sender, random.Random(1))


def test_an_agent_session_is_one_growing_conversation_with_two_side_calls(
    emulator: Running[Emulator], sender: Sender
) -> None:
    agent_session(sender, random.Random(1), emulate="")

    log = emulator.app.log.settled(15)
    main_turns = [unmarked(entry)["messages"] for entry in log if not entry.value("x-claude-code-agent-id")][
        2:
    ]
    assert len(main_turns) >= 12
    assert all(after[: len(before)] == before for before, after in pairwise(main_turns))
    assert len({entry.value("x-claude-code-session-id") for entry in log}) == 1
    assert len({json.loads(body(entry)["metadata"]["user_id"])["session_id"] for entry in log}) == 1
    assert {entry.target for entry in log} == {b"/v1/messages?beta=true"}


def test_an_agent_session_has_the_shape_of_claude_codes(emulator: Running[Emulator], sender: Sender) -> None:
    agent_session(sender, random.Random(1), emulate="")

    *_, last = (entry for entry in emulator.app.log.settled(15) if not entry.value("x-claude-code-agent-id"))
    blocks = [block for message in body(last)["messages"] for block in message["content"]]
    thoughts = [block for block in blocks if isinstance(block, dict) and block["type"] == "thinking"]
    assert {(block["thinking"], block["signature"] != "") for block in thoughts} == {("", True)}
    assert [message["role"] for message in body(last)["messages"][:5]] == [
        *("system", "system", "user", "system", "assistant")
    ]
    assert [block.get("cache_control") is None for block in body(last)["system"]] == [True, False, False]
    assert "cc_version=2.1.332." in body(last)["system"][0]["text"]
    assert "cc_is_subagent" not in body(last)["system"][0]["text"]
    assert last.value("user-agent") == "claude-cli/2.1.332 (external, cli)"
    assert (last.value("anthropic-version"), last.value("authorization")) == ("2023-06-01", "")
    assert last.value("x-api-key") == "sk-ant-demo-test"


def test_a_sub_agent_is_launched_at_once_and_reports_later(
    emulator: Running[Emulator], sender: Sender
) -> None:
    agent_session(sender, random.Random(1), emulate="")

    log = emulator.app.log.settled(15)
    helpers = [entry for entry in log if entry.value("x-claude-code-agent-id")]
    first, nested = dict.fromkeys(entry.value("x-claude-code-agent-id") for entry in helpers)
    messages = body([entry for entry in log if not entry.value("x-claude-code-agent-id")][-1])["messages"]
    call = next(block for block in blocks_of(messages) if block.get("name") == "Agent")
    launched, reported = (place(messages, words) for words in (f"agentId: {first}", f"<task-id>{first}<"))
    assert launched["message"] < reported["message"]
    assert launched["block"]["tool_use_id"] == call["id"]
    assert reported["block"]["text"].startswith("<system-reminder>\nThis is a notification")
    assert body(helpers[0])["messages"][0]["content"][1]["text"] == call["input"]["prompt"]
    assert "cc_is_subagent=true" in body(helpers[0])["system"][0]["text"]
    assert {entry.value("x-claude-code-parent-agent-id") for entry in helpers} == {"", first}
    assert any(f"<task-id>{nested}<" in entry.body.decode() for entry in helpers)


def test_a_session_reads_from_the_prompt_cache_more_and_more(sender: Sender) -> None:
    reads: list[int] = []
    ask = sender.ask

    def noting(*words: Any, **more: Any) -> Any:
        response = ask(*words, **more)
        reads.append(response.usage.cache_read_input_tokens or 0)
        return response

    sender.ask = noting  # type: ignore[method-assign]  # watches the answers, which the log has not

    agent_session(sender, random.Random(1), emulate="")

    assert reads[-1] > reads[4] > 1000


def test_a_scene_that_meets_no_error_says_so(sender: Sender) -> None:
    with pytest.raises(UnexpectedResponseError, match="RateLimitError was due"):
        refused(anthropic.RateLimitError)(sender, random.Random(1))


def test_a_model_that_never_stops_calling_tools_is_noticed(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexus_project.demo.samples.scenes.MOST_TOOL_TURNS", 1)

    with pytest.raises(UnexpectedResponseError, match="never stopped"):
        tool_loop(sender, random.Random(1))


def test_a_refusal_that_was_not_meant_is_reported(
    emulator: Running[Emulator], capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.app.revoked.add("sk-ant-demo-bad")

    assert main(["--proxy", emulator.url, "--client-key", "sk-ant-demo-bad"]) == 1

    assert "did not go as meant" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("http://127.0.0.1:1", "No proxy answers at http://127.0.0.1:1"),
        ("localhost:3000", "is no address: write it like"),
        ("http://127.0.0.1:99999", "is no address: Port out of range"),
    ],
)
def test_a_proxy_out_of_reach_is_one_clear_sentence(
    proxy: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--proxy", proxy]) == 1

    complaint = capsys.readouterr().err
    assert words in complaint
    assert complaint.count("\n") == 1


def test_the_trickle_goes_on_until_a_signal(emulator: Running[Emulator]) -> None:
    command = (sys.executable, "-m", "nexus_project.demo.samples", "--trickle", "--proxy", emulator.url)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "all as meant" in process.stdout.readline()
        programme = len(emulator.app.log)
        emulator.app.log.wait(lambda entries: len(entries) >= programme + 3, seconds=20)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=10) == 0
        assert time.monotonic() - started < 5


def test_the_trickle_plays_until_it_is_stopped(
    emulator: Running[Emulator], sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trickle_module, "SHORTEST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(trickle_module, "LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(trickle_module, "SLOW", Scene("quick", question, weight=1))
    monkeypatch.setattr(trickle_module, "PROGRAMME", ())
    stop = Event()
    player = Thread(target=trickle_module.trickle, args=(sender, random.Random(1), stop))
    player.start()

    emulator.app.log.wait(lambda entries: len(entries) >= 30)
    stop.set()
    player.join(timeout=5)

    assert not player.is_alive()
    emulator.app.log.settled(30)


def test_a_slow_stream_lasts_for_seconds(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    monkeypatch.setattr(sender, "ask", lambda *_, emulate: words.append(emulate))

    slow_stream(sender, random.Random(1))

    events, delay = (int(word.split("=")[1]) for word in words[0].split(", "))
    assert 10 <= events * delay / 1000 <= 20


def test_a_scene_that_fails_gives_its_place_back(emulator: Running[Emulator]) -> None:
    emulator.app.revoked.add("bad")
    places = BoundedSemaphore(1)
    places.acquire()

    with closing(Sender(emulator.url, "bad")) as refused_sender:
        trickle_module._play(SLOW, refused_sender, random.Random(1), places)

    assert places.acquire(blocking=False)
