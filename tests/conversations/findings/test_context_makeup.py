"""What fills a context: shares that add up to the API's count, and nothing said where bytes tell nothing."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.findings.context_makeup import (
    BYTES_PER_TOKEN,
    Certainty,
    Content,
    Makeup,
    Share,
    What,
    added,
    makeup,
    tool_schemas,
)
from proxy.conversations.findings.finding import TO_DO, FindingKind
from proxy.wire.messages import read_response
from tests.conversations.findings import sessions
from tests.conversations.findings.samples import (
    IMAGE,
    assistant,
    body,
    call,
    request,
    result,
    text,
    tool,
    user,
)

TURN = UUID(int=1)


def shares(found: Makeup) -> dict[str, int | None]:
    return {" ".join(filter(None, share.what)): share.tokens for share in found.shares}


def plain(*more: dict[str, Any]) -> dict[str, Any]:
    """A request whose parts have a known number of bytes; `more` are messages."""
    return {
        "system": "s" * (1_000 - len('{"type":"text","text":""}')),
        "messages": [user(text("h" * (3_000 - len('{"type":"text","text":""}')))), *more],
    }


def test_shares_go_by_bytes_and_add_up_to_the_count() -> None:
    found = makeup(body(plain()), 10_000)

    assert found == Makeup(
        10_000,
        Certainty.ESTIMATE,
        (
            Share(What(Content.SYSTEM), 1_000, 264),
            Share(What(Content.HISTORY), 3_000, 794),
            Share(What(Content.REST), 0, 8_942),
        ),
    )
    # A total that the bytes explain leaves no rest.
    bigger = {**plain(), "system": "s" * 17_000}
    assert shares(makeup(body(bigger), 5_000)) == {"system": 4_251, "history": 749}


def test_tools_are_told_apart_by_their_mcp_server() -> None:
    tools = [tool("Bash"), tool("mcp__wiki__search"), tool("mcp__wiki__read_page"), tool("mcp__my_crm__find")]
    found = makeup(body({**plain(), "tools": tools, "system": "s" * 20_000}), 6_000)

    assert list(shares(found)) == ["tools", "tools wiki", "tools my_crm", "system", "history"]
    assert sum(share.tokens or 0 for share in found.shares) == 6_000
    assert found.tokens_of(Content.TOOLS) > found.tokens_of(Content.HISTORY) > 500


def test_every_kind_of_block_has_its_place() -> None:
    blocks = [
        assistant(
            {"type": "thinking", "thinking": "t" * 900, "signature": ""},
            {"type": "redacted_thinking", "data": ""},
        ),
        assistant(text("a"), call(1)),
        user(result(1, [text("r"), IMAGE, {"type": "document"}]), result(2, "r")),
        {"role": "system", "content": "You have 9 tokens left."},
        user({"type": "container_upload"}, 5, None),
    ]
    found = makeup(body(plain(*blocks)), 50_000)

    assert list(shares(found)) == ["system", "history", "thinking", "tool results", "the rest"]
    assert found.tokens_of(Content.THINKING) == pytest.approx(1_000 / BYTES_PER_TOKEN, rel=0.1)
    assert found.tokens_of(Content.REST) > 48_000


def test_images_alone_get_what_bytes_do_not_explain() -> None:
    found = makeup(body(plain(user(IMAGE))), 6_000)

    assert shares(found) == {"system": 264, "history": 794, "images": 4_942}
    assert shares(makeup(body({**plain(user(IMAGE)), "system": "s" * 90_000}), 6_000))["images"] == 0


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "mcp_toolset", "mcp_server_name": "wiki"}]},
        {"mcp_servers": [{"type": "url", "url": "https://wiki.example/mcp", "name": "wiki"}]},
    ],
)
def test_what_the_api_adds_by_itself_is_the_rest(more: dict[str, Any]) -> None:
    found = makeup(body({**plain(), **more}), 9_000)

    assert found.tokens_of(Content.REST) == 9_000 - 1_058
    assert found.tokens_of(Content.TOOLS) == 0


def test_tools_that_wait_to_be_loaded_take_no_room_until_they_are() -> None:
    waiting = {**plain(), "tools": [tool("mcp__wiki__search", defer_loading=True)]}
    loaded = {"type": "tool_reference", "tool_name": "mcp__wiki__search"}
    searched = {**waiting, "messages": [*waiting["messages"], user(result(1, [loaded]))]}

    assert "tools wiki" not in shares(makeup(body(waiting), 6_000))
    assert "tools wiki" in shares(makeup(body(searched), 6_000))


@pytest.mark.parametrize(
    ("fields", "total"),
    [(plain(), 4_999), ({**plain(), "thread": {"type": "continue"}}, 90_000), ({}, 9_000)],
)
def test_nothing_is_estimated_where_bytes_tell_nothing(fields: dict[str, Any], total: int) -> None:
    found = makeup(body(fields), total)

    assert (found.total_tokens, found.certainty) == (total, Certainty.NONE)
    assert {share.tokens for share in found.shares} <= {None}


def test_what_a_turn_added_is_exact_in_sum() -> None:
    found = added(body(plain()), body(plain(assistant(call(1)), user(result(1)))), 90_000, 90_400)

    assert (found.total_tokens, found.certainty) == (400, Certainty.ESTIMATE)
    assert list(shares(found)) == ["history", "tool results"]
    assert sum(share.tokens or 0 for share in found.shares) == 400


def test_where_one_thing_alone_grew_its_share_is_exact() -> None:
    found = added(body(plain()), body(plain(user(text("More " * 30)))), 90_000, 90_040)

    assert found == Makeup(40, Certainty.EXACT, (Share(What(Content.HISTORY), found.shares[0].bytes, 40),))


@pytest.mark.parametrize(
    ("after", "total", "certainty"),
    [
        (plain(), 60_000, Certainty.EXACT),
        (plain(), 90_500, Certainty.NONE),
        ({**plain(user(text("More"))), "thread": {"type": "continue"}}, 90_500, Certainty.NONE),
    ],
)
def test_less_or_nothing_to_see_has_no_shares(
    after: dict[str, Any], total: int, certainty: Certainty
) -> None:
    assert added(body(plain()), body(after), 90_000, total) == Makeup(total - 90_000, certainty, ())


@given(st.integers(0, 10**6), st.integers(0, 30), st.booleans())
def test_shares_add_up_whatever_the_count(total: int, turns: int, with_image: bool) -> None:
    fields = request(turns)
    if with_image:
        fields["messages"].append(user(IMAGE))

    found = makeup(body(fields), total)

    assert all((share.tokens or 0) >= 0 for share in found.shares)
    if found.certainty != Certainty.NONE:
        assert sum(share.tokens or 0 for share in found.shares) == total


def with_tools(of_servers: int, own: int = 0) -> Makeup:
    names = [
        *(f"mcp__{'wiki' if number % 3 else 'crm'}__{number}" for number in range(of_servers)),
        *map(str, range(own)),
    ]
    fields = {**plain(), "tools": [tool(name) for name in names], "system": "s" * 20_000}
    return makeup(body(fields), len(body(fields)) // 4)


def test_many_schemas_are_a_finding_with_the_servers_they_come_from() -> None:
    found = tool_schemas(TURN, with_tools(60))

    assert found is not None
    assert (found.kind, found.turns) == (FindingKind.TOOL_SCHEMAS, (TURN,))
    assert found.sentence.startswith("This client ships about 13,500 tokens of tool schemas")
    assert "Of MCP servers: wiki 9,100" in found.sentence
    assert ", crm 4,400." in found.sentence
    assert "ENABLE_TOOL_SEARCH=true" in TO_DO[found.kind]


def test_few_schemas_of_servers_and_a_clients_own_are_none() -> None:
    assert tool_schemas(TURN, with_tools(20)) is None
    assert tool_schemas(TURN, with_tools(0, 120)) is None
    many = tool_schemas(TURN, with_tools(0, 160))
    assert many is not None
    assert many.sentence.endswith("by the bytes of its tools.")
    assert tool_schemas(TURN, makeup(body(plain()), 10)) is None


@pytest.mark.skipif(not sessions.THERE, reason=sessions.MISSING)
@pytest.mark.parametrize("name", sessions.NAMES)
def test_real_sessions_add_up_and_their_tools_are_no_finding(name: str) -> None:
    estimated = 0
    for exchange in sessions.exchanges(name):
        usage = read_response(exchange.status, exchange.content_type, exchange.response).usage
        total = sum(usage.counts) - usage.output_tokens if usage else 0
        found = makeup(exchange.request, total)
        if found.certainty == Certainty.ESTIMATE and total < 100_000:
            estimated += 1
            assert sum(share.tokens or 0 for share in found.shares) == total
            assert tool_schemas(TURN, found) is None

    assert estimated > 30
