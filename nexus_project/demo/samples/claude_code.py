"""What Claude Code puts around a conversation: its headers, its system blocks, and the notes of its harness.

Shape of the attribution headers and of `metadata.user_id`: the gateway protocol page of Claude Code's documentation
(llm-gateway-protocol).
"""

from anthropic import Omit

from nexus_project.demo.samples.sender import Json
from nexus_project.demo.samples.workshop import GUIDANCE

VERSION = "2.1.332"
BETAS = (
    "claude-code-20250219",
    "interleaved-thinking-2025-05-14",
    "context-management-2025-06-27",
    "per-turn-control-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
    "thinking-token-count-2026-05-13",
    "advanced-tool-use-2025-11-20",
    "effort-2025-11-24",
)
HEADERS: dict[str, str | Omit] = {
    "user-agent": f"claude-cli/{VERSION} (external, cli)",
    "x-app": "cli",
    "anthropic-dangerous-direct-browser-access": "true",
    "x-stainless-lang": "js",
    "x-stainless-package-version": "0.128.0",
    "x-stainless-runtime": "node",
    "x-stainless-timeout": "600",
}
# What it asks for in each turn of a conversation.
MANNER: Json = {
    "max_tokens": 128_000,
    "thinking": {"type": "adaptive", "display": "omitted"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "high"},
}
MARK: Json = {"cache_control": {"type": "ephemeral"}}
# The harness speaks in messages of its own role, between those of the user and the model.
ENVIRONMENT: Json = {
    "role": "system",
    "content": "# Environment\nWorking directory: /home/dev/shop, a git repository on branch main.\nPlatform: linux.",
}
DEFERRED_TOOLS: Json = {
    "role": "system",
    "content": "These tools can be loaded with ToolSearch: NotebookEdit, WebFetch, WebSearch.",
}


def system_blocks(build: str, *, helper: bool) -> list[Json]:
    """Return the three blocks: who is billed, who speaks, and how to work."""
    billing = f"x-anthropic-billing-header: cc_version={VERSION}.{build}; cc_entrypoint=cli;"
    who = "You are Claude Code, Anthropic's official CLI for Claude."
    if helper:
        billing += " cc_is_subagent=true;"
        who = "You are a sub-agent of Claude Code. Do the job that you are given, and report what you found."
    return [
        {"type": "text", "text": billing},
        {"type": "text", "text": who, **MARK},
        {"type": "text", "text": GUIDANCE, **MARK},
    ]


def tokens_left(count: int) -> Json:
    return {"role": "system", "content": f"Tokens left in the context window: {count}."}


def launched(agent: str) -> str:
    """Return what the tool `Agent` answers at once."""
    return (
        f"Agent launched in the background.\nagentId: {agent}\n"
        "You will be notified when it is done; go on with other work until then."
    )


def notification(agent: str, job: str, report: str) -> str:
    """Return how a sub-agent's words come back, in a later user message."""
    return (
        "<system-reminder>\nThis is a notification of the harness, not input of the user.\n"
        f'<task-notification>\n<task-id>{agent}</task-id>\n<status>completed</status>\n<summary>Agent "{job}" '
        f"completed</summary>\n<result>{report}</result>\n</task-notification>\n</system-reminder>"
    )
