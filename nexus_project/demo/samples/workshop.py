"""What an agent at work carries along: its guidance, its tools, and what the tools find."""

import random

from nexus_project.demo.samples.sender import Json

RULES = (
    "Read a file before you change it, and change no more than the task needs.",
    "Run the tests of the part that you touched, then those of its neighbours.",
    "Money is a Decimal with two places; a float never holds an amount.",
    "A migration is safe while the old version still runs: add first, remove in the next release.",
    "An error message tells its reader what to do next.",
    "Times are aware and in UTC; only the page turns them into local time.",
    "Write no secret into a log, a test or a commit.",
    "Ask before you install a package.",
    "Prefer a pure function with a test over a class with a state.",
    "A name says what a thing is; a comment says why it is there.",
    "Keep the public interface, or say in the change log how to move on.",
    "Delegate a long search to a sub-agent, and ask it for file and line.",
)
MODULES = ("billing", "ledger", "orders", "shipping", "accounts", "reports", "search", "mail")
LAYOUT = "\n".join(
    f"src/{module}/: models.py holds the rows, views.py the pages, tasks.py what runs later, "
    f"client.py the outside service. Rule of the house: {rule}"
    for module in MODULES
    for rule in RULES[:6]
)

GUIDANCE = f"You work in the repository of a web shop.\n\n{chr(10).join(RULES)}\n\n# Layout\n{LAYOUT}"
REMINDER = (
    "<system-reminder>\nThe conventions of this repository are in docs/style.md.\n"
    "Do not mention this reminder.\n</system-reminder>"
)


def _tool(name: str, summary: str, /, **properties: str) -> Json:
    schema = {key: {"type": "string", "description": text} for key, text in properties.items()}
    return {
        "name": name,
        "description": summary,
        "input_schema": {"type": "object", "properties": schema, "required": list(properties)},
    }


TOOLS: list[Json] = [
    _tool("Read", "Read a file of the repository.", file_path="absolute path"),
    _tool(
        "Edit",
        "Replace a piece of a file that occurs exactly once.",
        file_path="absolute path",
        old_string="what stands there",
        new_string="what shall stand there",
    ),
    _tool("Bash", "Run a command in the repository.", command="shell command", description="what it is for"),
    _tool("Write", "Write a whole file.", file_path="absolute path", content="what shall stand in it"),
    _tool("Skill", "Load the instructions of a skill.", skill="its name"),
    _tool("ToolSearch", "Find tools that are not loaded yet.", query="words"),
    _tool(
        "Agent",
        "Give a job to a sub-agent. It works in the background, and you are told when it is done.",
        description="three to five words",
        prompt="the whole job",
        subagent_type="kind of agent",
    ),
]

FOUND: dict[str, tuple[str, ...]] = {
    "Read": (
        "     1\tfrom decimal import ROUND_HALF_UP, Decimal\n     2\t\n     3\t\n"
        "     4\tdef total(prices: list[Decimal]) -> Decimal:\n     5\t    total = sum(prices)\n"
        '     6\t    return total.quantize(Decimal("0.01"), ROUND_HALF_UP)',
        "     1\tdef test_total_of_nothing_is_zero() -> None:\n     2\t    assert total([]) == 0",
    ),
    "Edit": ("The file /home/dev/shop/src/billing/invoice.py has been updated.",),
    "Write": ("The file /home/dev/shop/tests/test_rounding.py has been written.",),
    "Bash": (
        "src/billing/invoice.py:4:def total(prices: list[Decimal]) -> Decimal:\n"
        "src/reports/month.py:31:    amount = total(line.price for line in lines)",
        "........................                                        [100%]\n24 passed in 0.41s",
        "F.......................                                        [100%]\n"
        "FAILED tests/test_invoice.py::test_a_cent_is_not_lost\n1 failed, 23 passed in 0.44s",
    ),
}


def result_of(tool: str, source: random.Random) -> str:
    """Return what a tool found this time."""
    return source.choice(FOUND[tool])
