"""Which tool the emulator calls, and with what input."""

import random
import re

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.emulator.api.ids import new_id

SHORTEST_TELLING_WORD = 4
PATHS = ("src/billing/invoice.py", "tests/test_invoice.py", "web/static/ledger.css", "docs/settings.md")
KNOWN: dict[str, tuple[Json, ...]] = {
    "Read": tuple({"file_path": f"/home/dev/shop/{path}"} for path in PATHS),
    "Bash": (
        {"command": "pytest -q tests/test_invoice.py", "description": "Run the invoice tests"},
        {"command": "grep -rn 'def total' src", "description": "Find where totals are made"},
        {"command": "git diff --stat", "description": "Show what changed"},
        {"command": "ruff check src", "description": "Lint the sources"},
    ),
    "Edit": (
        {
            "file_path": "/home/dev/shop/src/billing/invoice.py",
            "old_string": "total = sum(prices)",
            "new_string": "total = sum(prices, start=Decimal(0))",
        },
    ),
    "Write": (
        {
            "file_path": "/home/dev/shop/tests/test_rounding.py",
            "content": "def test_a_cent_is_not_lost() -> None:\n    assert total(PRICES) == Decimal('0.30')\n",
        },
    ),
    "Grep": ({"pattern": "def total", "path": "src"}, {"pattern": "TODO", "path": "src"}),
    "Glob": ({"pattern": "**/*.py"}, {"pattern": "tests/**/test_*.py"}),
    "Agent": (
        {
            "description": "Find every caller of total",
            "prompt": "Find every place in src that calls Invoice.total and report file, line and purpose.",
            "subagent_type": "general-purpose",
        },
        {
            "description": "Check how amounts are rounded",
            "prompt": "List each rounding of an amount in src/reports and say which mode it uses.",
            "subagent_type": "general-purpose",
        },
        {
            "description": "Look for float amounts",
            "prompt": "Search the models for amounts that are kept as a float, and name the columns.",
            "subagent_type": "general-purpose",
        },
    ),
}
WORDS = ("Lisbon", "invoice", "order 1042", "main", "weekly report")


def wanted(request: Json, question: str) -> list[str]:
    """Return the names of the tools that a request calls for, in the order offered.

    `tool_choice` forces one; else it is the tools whose name, or a word of it, stands in the question.
    """
    choice = request.get("tool_choice") or {"type": "auto"}
    offered = [tool["name"] for tool in request.get("tools") or () if "input_schema" in tool]
    if choice.get("type") == "tool":
        return [choice["name"]]
    if choice.get("type") == "none":
        return []
    named = [name for name in offered if _is_named(name, question)]
    if choice.get("type") == "any" and not named:
        named = offered[:1]
    return named[:1] if choice.get("disable_parallel_tool_use") else named


def tool_use(name: str, request: Json, question: str, source: random.Random) -> Json:
    """Return a call of the tool with an input that suits it: known, else made from its schema."""
    schemas = {tool.get("name"): tool.get("input_schema", {}) for tool in request.get("tools") or ()}
    # A sub-agent does not pass on the very job that it was given.
    known = [
        value
        for value in KNOWN.get(name, ())
        if value.get("prompt") is None or value["prompt"] not in question
    ]
    arguments = source.choice(known) if known else _from_schema(schemas.get(name, {}), source)
    return {"type": "tool_use", "id": new_id("toolu"), "name": name, "input": arguments}


def _is_named(name: str, question: str) -> bool:
    if re.search(rf"\b{re.escape(name)}\b", question):
        return True
    parts = re.findall(r"[A-Z]?[a-z]+", name)
    return any(len(part) >= SHORTEST_TELLING_WORD and part.lower() in question.lower() for part in parts)


def _from_schema(schema: Json, source: random.Random) -> Json:
    return {name: _value(part, source) for name, part in schema.get("properties", {}).items()}


def _value(schema: Json, source: random.Random) -> object:
    if "enum" in schema:
        return source.choice(schema["enum"])
    match schema.get("type"):
        case "integer":
            return source.randint(1, 50)
        case "number":
            return source.randint(1, 500) / 10
        case "boolean":
            return source.random() < 0.5
        case "array":
            return [_value(schema.get("items", {}), source)]
        case "object":
            return _from_schema(schema, source)
    return source.choice(WORDS)
