"""docs/settings.md and the code name the same settings with the same defaults."""

import ast
import json
import os
import re
import subprocess
import sys

import pytest

from nexus_project.env import BASE_DIR

TABLE_ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (\S.*\.) \|$")
DOCUMENT = (BASE_DIR / "docs" / "settings.md").read_text(encoding="utf-8")
# What settings modules and the stack read when they are loaded, in a process that no test has touched.
LOAD = """
import json
from nexus_project import env
env.assume(DATABASE_URL="postgresql://n@127.0.0.1:1/n", REDIS_URL="redis://127.0.0.1:1/0", SECRET_KEY="s",
           FIELD_ENCRYPTION_KEYS="dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=")
from nexus_project.settings import base, dashboard, proxy
import nexus_project.stack.__main__
print(json.dumps(env.DOCUMENTED))
"""


def documented() -> dict[str, str]:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    return {match[1]: match[2] or "" for row in rows if (match := TABLE_ROW.match(row))}


@pytest.fixture(scope="module")
def loaded() -> dict[str, str]:
    variables = {"PATH": os.defpath, "NEXUS_ENV_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, "-c", LOAD], env=variables, cwd=BASE_DIR, capture_output=True, text=True, check=True
    )
    names: dict[str, str] = json.loads(done.stdout)
    return names


def read_somewhere() -> set[str]:
    """Every name that a reader of nexus_project.env is called with, also where only a command calls it."""
    calls = [
        node
        for folder in ("nexus_project", "accounts", "proxy", "dashboard")
        for path in (BASE_DIR / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and node.args and re.match(r"env\.|text\w*$", ast.unparse(node.func))
    ]
    names = [call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)]
    return {name for name in names if isinstance(name, str) and re.fullmatch("[A-Z_]+", name)}


def test_every_row_of_a_table_has_a_name_a_default_and_a_sentence() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]

    assert [row for row in rows if not TABLE_ROW.match(row)] == []
    assert len(documented()) == len(rows)


def test_every_setting_is_documented_and_every_documented_one_exists(loaded: dict[str, str]) -> None:
    assert set(documented()) == set(loaded) | read_somewhere()


def test_the_documented_defaults_are_those_of_the_code(loaded: dict[str, str]) -> None:
    assert {name: documented()[name] for name in loaded} == loaded


def test_every_setting_that_may_come_from_a_file_says_so() -> None:
    marked = {
        match[1] for match in re.finditer(r"^\| `([A-Z_]+)` .*\(\*file\*\)\. \|$", DOCUMENT, re.MULTILINE)
    }
    source = "".join(path.read_text() for path in (BASE_DIR / "nexus_project").rglob("*.py"))

    assert marked == set(re.findall(r'env\.(?:secrets?|url|proxy)\("([A-Z_]+)"', source))
