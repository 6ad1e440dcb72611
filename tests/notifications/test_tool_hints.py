import pytest

from proxy.store.notifications.tool_hints import tool_line
from proxy.wire.messages import ToolCall
from tests.notifications.stored import call

TODOS = [{"status": status} for status in ("pending", "completed", "completed", "in_progress", "pending")]


@pytest.mark.parametrize(
    ("tool", "hint"),
    [
        (call("Read", file_path="/home/dev/shop/src/invoice.py"), "src/invoice.py"),
        (call("Write", file_path="notes.md"), "notes.md"),
        (call("Edit", file_path="a/b/c.py"), "b/c.py"),
        (call("MultiEdit", file_path="/a/b.py"), "a/b.py"),
        (call("Bash", command="pytest -q"), "`pytest -q`"),
        (call("Bash", command="x" * 60), "`" + "x" * 50 + "...`"),
        (call("Bash", command="echo `id`"), "`echo 'id'`"),
        (call("Grep", pattern="y" * 40), "y" * 30 + "..."),
        (call("Glob", pattern="**/*.py"), "**/*.py"),
        (call("LS", path="/home/dev/shop"), "dev/shop"),
        (call("TodoWrite", todos=TODOS), "2 pending, 1 in progress, 2 completed"),
        (call("WebSearch", query="q" * 50), "q" * 40 + "..."),
        (call("WebFetch", url="https://user:secret@docs.example.com:8443/page?q=1"), "docs.example.com"),
        (call("Task", description="Find callers", prompt="Find every caller"), "Find every caller"),
        (call("mcp__db__ask", description="z" * 50), "z" * 40 + "..."),
    ],
)
def test_a_tool_gets_its_hint(tool: ToolCall, hint: str) -> None:
    assert tool_line(tool) == f"    :wrench: {tool.name} - {hint}"


@pytest.mark.parametrize(
    "tool",
    [
        call("TodoRead"),
        call("Bash", command=["not", "text"]),
        call("WebFetch", url="https://[broken"),
        call("Unknown", other=1),
    ],
)
def test_a_tool_without_a_usable_input_has_its_name_alone(tool: ToolCall) -> None:
    assert tool_line(tool) == f"    :wrench: {tool.name}"


def test_a_tool_name_cannot_carry_markup() -> None:
    assert tool_line(call("<!here>")) == "    :wrench: &lt;!here&gt;"


def test_a_secret_in_a_command_is_masked_though_the_hint_cuts_it() -> None:
    line = tool_line(call("Bash", command="curl -H 'x-api-key: sk-ant-api03-" + "q" * 90 + "' https://a.b"))

    assert "qq" not in line
