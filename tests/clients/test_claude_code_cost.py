"""What Nexus stores as a session's cost is what Claude Code itself says the session cost.

Two programs count independently, and the third figure, by hand, tells which of them is wrong. Claude Code's own rules are
narrower than the API's in places (it never adds `compaction` iterations, for one), so each scenario stays where both apply.
"""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.serving import Running
from tests.clients.claude_code import ClaudeCode
from tests.clients.upstream import ReportedUpstream
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

# The first test waits for the install and for the start of Nexus.
pytestmark = pytest.mark.timeout(400)

SAME_USD = Decimal("1e-9")  # Claude Code counts in floating point


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the API reports for each answer of a session with a model, and what that costs, by hand."""

    model: str
    usages: tuple[Json, ...]
    usd: str


def usage(
    tokens_in: int, out: int, *, read: int = 0, write_5m: int = 0, write_1h: int = 0, **more: object
) -> Json:
    return {
        "input_tokens": tokens_in,
        "output_tokens": out,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": write_5m + write_1h,
        "cache_creation": {"ephemeral_5m_input_tokens": write_5m, "ephemeral_1h_input_tokens": write_1h},
        "service_tier": "standard",
        "speed": "standard",
        "inference_geo": "global",
        **more,
    }


def step(tokens_in: int, out: int, *, write: int = 0, kind: str = "message", **more: object) -> Json:
    """An entry of `iterations`, without the split of its cache writes."""
    return {
        "type": kind,
        "input_tokens": tokens_in,
        "output_tokens": out,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": write,
        **more,
    }


def scenario_of(model: str, usd: str, response: Json) -> Scenario:
    return Scenario(model, (response,), usd)


CACHED = {"read": 50_000, "write_5m": 2_000, "write_1h": 6_000}
SEARCHES = {"web_search_requests": 3, "web_fetch_requests": 0}
EITHER_SIDE = [step(110_000, 100, write=5_000), step(50_000, 300, write=5_000)]
ADVICE = [step(1_200, 300), step(1_000, 200, kind="advisor_message", model="claude-fable-5-2")]

SCENARIOS = {
    "an older model": scenario_of("claude-opus-4-5", "0.0135", usage(1_200, 300)),
    "cache of an older model": scenario_of("claude-haiku-4-5", "0.0202", usage(200, 100, **CACHED)),
    "several answers": Scenario("claude-opus-5", (usage(1_200, 300), usage(200, 100, **CACHED)), "0.1145"),
    "plain": scenario_of("claude-opus-5-5", "0.0108", usage(1_200, 300)),
    "cache read and 1 h write": scenario_of("claude-opus-5-5", "0.0708", usage(200, 100, **CACHED)),
    "cheap reads": scenario_of("claude-fable-5-2", "0.1316", usage(200, 100, **CACHED)),
    "prompt of 100,000": scenario_of("claude-haiku-5-5", "0.0102", usage(100_000, 400)),
    "prompt over 100,000": scenario_of(
        "claude-haiku-5-5", "0.0165", usage(2_000, 400, read=90_000, write_1h=10_000)
    ),
    "steps on either side of 100,000": scenario_of(
        "claude-haiku-5-5",
        "0.0661",
        usage(160_000, 400, write_5m=4_000, write_1h=6_000, iterations=EITHER_SIDE),
    ),
    "fast": scenario_of("claude-opus-5-5", "0.1416", usage(200, 100, **CACHED, speed="fast")),
    "in the US": scenario_of("claude-opus-5-5", "0.07788", usage(200, 100, **CACHED, inference_geo="us")),
    "web search in the US": scenario_of(
        "claude-opus-5-5", "0.04188", usage(1_200, 300, inference_geo="us", server_tool_use=SEARCHES)
    ),
    "fast in the US": scenario_of(
        "claude-opus-5-5", "0.15576", usage(200, 100, **CACHED, speed="fast", inference_geo="us")
    ),
    "advisor": scenario_of("claude-opus-5-5", "0.0268", usage(1_200, 300, iterations=ADVICE)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_session_costs_what_claude_code_says(
    name: str, claude: ClaudeCode, nexus: Nexus, upstream: Running[ReportedUpstream]
) -> None:
    scenario = SCENARIOS[name]
    upstream.app.usages = scenario.usages

    reported = claude.ask("Do it.", model=scenario.model, address=nexus.url)

    assert reported.text == "Done."
    assert abs(reported.cost_usd - Decimal(scenario.usd)) < SAME_USD, (
        "Claude Code counts otherwise than by hand"
    )
    rows = stored(nexus, upstream.app, reported.session_id)
    assert [state for _, state in rows] == ["exact"] * len(scenario.usages)
    assert abs(sum(cost for cost, _ in rows) - reported.cost_usd) < SAME_USD


def stored(nexus: Nexus, upstream: ReportedUpstream, session_id: str) -> list[tuple[Decimal, str]]:
    """Cost and its state of each exchange of a session, once all that upstream saw of it are stored."""
    sent = sum(entry.value("x-claude-code-session-id") == session_id for entry in upstream.log)
    query = "SELECT cost_usd, cost_state FROM proxy_exchange WHERE session_id = %s ORDER BY id"
    wait_for(lambda: len(nexus.rows(query, session_id)) == sent, 15, nexus._words)
    return [(row["cost_usd"], row["cost_state"]) for row in nexus.rows(query, session_id)]
