"""Claude Code as client-setup/setup.sh sets it up works against Nexus, and what is switched on for a gateway has its effect."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping

import httpx
import pytest

from nexus_project import env
from nexus_project.demo.received import Received
from nexus_project.demo.serving import Running
from tests.clients import mcp_server
from tests.clients.claude_code import ClaudeCode
from tests.clients.test_claude_code_cost import usage
from tests.clients.upstream import ReportedUpstream
from tests.flow.conftest import OPERATOR_KEY, Nexus
from tests.flow.services import wait_for

# The first test waits for the install and for the start of Nexus.
pytestmark = pytest.mark.timeout(400)

MODEL = "claude-opus-5-5"


@pytest.fixture(scope="module")
def client_key(nexus: Nexus) -> str:
    """A key of the host that clients call, from which on that domain wants one of everybody."""
    host = nexus.url.removeprefix("http://")
    environment = {"DATABASE_URL": nexus.database, "DJANGO_SETTINGS_MODULE": ""}
    command = [sys.executable, "manage.py", "create_client_key", host, "laptop", "--create-domain"]
    done = subprocess.run(
        command, cwd=env.BASE_DIR, env=env.child_environment(environment), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    wait_for(lambda: httpx.get(f"{nexus.url}/v1/models", headers={"x-api-key": "x"}).status_code == 401)
    return done.stdout.strip()


def set_up(claude: ClaudeCode, *arguments: str, **environment: str) -> None:
    """Run the script as its reader does."""
    script = env.BASE_DIR / "client-setup" / "setup.sh"
    given: Mapping[str, str] = {"PATH": env.text("PATH"), "HOME": str(claude.home), **environment}
    subprocess.run(["/bin/sh", script, *arguments, "--yes"], env=given, check=True, capture_output=True)


def asked(upstream: ReportedUpstream, method: str, path: str, session_id: str = "") -> Received:
    """The last such request that came upstream."""
    return [
        entry
        for entry in upstream.log.entries()
        if (entry.method, entry.path) == (method, path)
        and entry.value("x-claude-code-session-id") == session_id
    ][-1]


def test_what_the_script_writes_is_enough(
    claude: ClaudeCode, nexus: Nexus, upstream: Running[ReportedUpstream], client_key: str
) -> None:
    upstream.app.usages = (usage(10, 10),)
    set_up(claude, nexus.url, ANTHROPIC_AUTH_TOKEN=client_key)

    reported = claude.ask("Do it.", model=MODEL)

    assert reported.text == "Done."
    entry = asked(upstream.app, "POST", "/v1/messages", reported.session_id)
    assert entry.credential == OPERATOR_KEY
    assert client_key.encode() not in b"".join(value for _, value in entry.headers)
    assert entry.value("x-claude-code-request-class") == "main"
    assert entry.value("x-claude-code-prompt-id")
    tools = {tool["name"]: tool for tool in json.loads(entry.body)["tools"]}
    assert "ToolSearch" in tools
    assert tools["Bash"]["eager_input_streaming"] is True
    assert asked(upstream.app, "GET", "/v1/models").credential == OPERATOR_KEY


def test_tools_of_servers_are_not_sent_with_each_request(
    claude: ClaudeCode, nexus: Nexus, upstream: Running[ReportedUpstream], client_key: str
) -> None:
    upstream.app.usages = (usage(10, 10),)
    command = {"command": sys.executable, "args": [mcp_server.__file__]}
    servers = claude.home / "servers.json"
    servers.write_text(json.dumps({"mcpServers": {"forms": command}}))

    options = ("--mcp-config", str(servers))

    def sent(**environment: str) -> bytes:
        reported = claude.ask("Do it.", *options, model=MODEL, **environment)
        return asked(upstream.app, "POST", "/v1/messages", reported.session_id).body

    without = sent(address=upstream.url, ENABLE_TOOL_SEARCH="false")
    set_up(claude, nexus.url, ANTHROPIC_AUTH_TOKEN=client_key)
    with_it = sent()

    field = b"What this field of the form holds"
    assert without.count(field) == mcp_server.TOOLS * len(mcp_server.SCHEMA["properties"])
    assert with_it.count(field) == 0
    assert b"form_1" in with_it
    assert len(with_it) < len(without) / 2


def test_a_command_may_print_the_key(
    claude: ClaudeCode, nexus: Nexus, upstream: Running[ReportedUpstream], client_key: str
) -> None:
    upstream.app.usages = (usage(10, 10),)
    (claude.home / "nexus key").write_text(client_key)
    set_up(claude, nexus.url, "--key-helper", f"cat '{claude.home}/nexus key'")

    reported = claude.ask("Do it.", model=MODEL)

    assert reported.text == "Done."
    assert asked(upstream.app, "POST", "/v1/messages", reported.session_id).credential == OPERATOR_KEY


def test_a_wrong_key_is_reported_at_once(claude: ClaudeCode, nexus: Nexus, client_key: str) -> None:
    set_up(claude, nexus.url, ANTHROPIC_AUTH_TOKEN="cnp_live_" + "x" * 32)
    started = time.monotonic()

    with pytest.raises(AssertionError, match="API Error: 401 This Nexus client key does not open"):
        claude.ask("Do it.", model=MODEL)

    assert time.monotonic() - started < 30
