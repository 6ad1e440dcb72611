from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus_project.demo.emulator.model import tokens
from nexus_project.demo.emulator.model.tokens import PromptCache

MARK = {"cache_control": {"type": "ephemeral"}}
LONG = "A rule of the house. " * 400


def prompt(*texts: str, system_mark: dict[str, Any] = MARK) -> dict[str, Any]:
    *before, last = [{"type": "text", "text": text} for text in texts]
    return {
        "model": "claude-opus-5-5",
        "system": [{"type": "text", "text": LONG, **system_mark}],
        "messages": [{"role": "user", "content": [*before, {**last, **MARK}]}],
    }


def test_what_one_turn_writes_the_next_one_reads() -> None:
    cache = PromptCache()

    first, second = cache.charge(prompt("a")), cache.charge(prompt("a", "and more of it"))

    assert (first.cache_read, first.uncached) == (0, 1)
    assert second.cache_read == first.cache_write > 2000
    assert 0 < second.cache_write < 20


def test_another_model_reads_nothing_of_it() -> None:
    cache = PromptCache()
    cache.charge(prompt("a"))

    assert cache.charge({**prompt("a"), "model": "claude-sonnet-5-5"}).cache_read == 0


def test_a_short_prompt_is_not_cached() -> None:
    short = {**prompt("a"), "system": "short"}

    assert PromptCache().charge(short).cache_write == 0


def test_the_lifetime_of_the_last_mark_counts() -> None:
    hour = prompt("a")
    hour["messages"][0]["content"][-1]["cache_control"]["ttl"] = "5m"
    hour["messages"][0]["content"][-1]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}

    assert PromptCache().charge(hour).lifetime == "1h"


def test_the_oldest_prefix_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "PREFIXES_KEPT", 1)
    cache = PromptCache()
    cache.charge(prompt("a"))
    cache.charge(prompt("b"))

    assert cache.charge(prompt("a", system_mark={})).cache_read == 0


@given(st.lists(st.text(max_size=200), min_size=1, max_size=6))
def test_the_three_counts_always_add_up_to_the_whole_prompt(texts: list[str]) -> None:
    cache = PromptCache()
    first, second = cache.charge(prompt(*texts)), cache.charge(prompt(*texts))

    assert first.total == second.total == PromptCache().charge(prompt(*texts)).total
    assert second.cache_read == first.cache_write
