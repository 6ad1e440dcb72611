"""client-setup/: what points Claude Code at Nexus."""

import json
import subprocess
from pathlib import Path

import pytest

from nexus_project.env import BASE_DIR

FOLDER = BASE_DIR / "client-setup"
ADDRESS = "https://nexus.example.com"
# What a gateway needs beside its address and key (docs/claude-code.md).
GATEWAY = {
    "ENABLE_TOOL_SEARCH": "true",
    "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
    "CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING": "1",
}


def setup(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a new user would, without a terminal."""
    return subprocess.run(
        ["/bin/sh", FOLDER / "setup.sh", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )


def written(home: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((home / ".claude/settings.json").read_text())
    return content


def test_the_settings_name_a_placeholder_host_and_key() -> None:
    settings = json.loads((FOLDER / "claude-code-settings.json").read_text())

    key = "cnp_live_put-your-client-key-here"
    assert settings == {"env": {"ANTHROPIC_BASE_URL": ADDRESS, "ANTHROPIC_AUTH_TOKEN": key, **GATEWAY}}


def test_the_script_writes_address_and_key_for_this_user_alone(tmp_path: Path) -> None:
    done = setup(tmp_path, f"{ADDRESS}/", "--yes", ANTHROPIC_AUTH_TOKEN="cnp_live_mine")

    assert done.returncode == 0, done.stderr
    assert written(tmp_path) == {
        "env": {"ANTHROPIC_BASE_URL": ADDRESS, "ANTHROPIC_AUTH_TOKEN": "cnp_live_mine", **GATEWAY}
    }
    assert (tmp_path / ".claude/settings.json").stat().st_mode & 0o777 == 0o600


def test_the_script_shows_what_it_writes_without_the_key(tmp_path: Path) -> None:
    done = setup(tmp_path, ADDRESS, "--yes", ANTHROPIC_AUTH_TOKEN="cnp_live_mine")

    assert f'"ANTHROPIC_BASE_URL": "{ADDRESS}"' in done.stdout
    assert "cnp_live_mine" not in done.stdout + done.stderr


def test_without_a_key_only_the_address_is_written(tmp_path: Path) -> None:
    setup(tmp_path, "http://[::1]:3000", "--yes", CLAUDE_CONFIG_DIR=str(tmp_path / ".claude"))

    assert written(tmp_path) == {"env": {"ANTHROPIC_BASE_URL": "http://[::1]:3000", **GATEWAY}}


def test_a_command_may_print_the_key(tmp_path: Path) -> None:
    done = setup(tmp_path, ADDRESS, "--key-helper", "cat ~/.nexus-key | head -1", "--yes")

    assert done.returncode == 0, done.stderr
    assert written(tmp_path) == {
        "apiKeyHelper": "cat ~/.nexus-key | head -1",
        "env": {"ANTHROPIC_BASE_URL": ADDRESS, **GATEWAY},
    }


def test_settings_that_are_there_are_never_changed(tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.json").write_text("{}")

    done = setup(tmp_path, ADDRESS, "--yes")

    assert (done.returncode, written(tmp_path)) == (1, {})
    assert "add these lines to it by hand" in done.stderr
    assert ADDRESS in done.stdout


def test_without_a_yes_nothing_is_written(tmp_path: Path) -> None:
    done = setup(tmp_path, ADDRESS)

    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "run it again with --yes" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "token", "words"),
    [
        (("nexus.example.com",), "", "is no address"),
        (('https://a"b',), "", "does not belong there"),
        (("https://a.example\n",), "", "does not belong there"),
        ((f"{ADDRESS}/v1",), "", "leave /v1 away"),
        ((ADDRESS, "--force"), "", "--force is not known"),
        ((ADDRESS,), 'x","y":"', "copy it again"),
        ((ADDRESS, "--key-helper"), "", "wants the command"),
        ((ADDRESS, "--key-helper", 'echo "a"'), "", "put it into a script"),
        ((ADDRESS, "--key-helper", "echo \\a"), "", "put it into a script"),
        ((ADDRESS, "--key-helper", "echo a\necho b"), "", "put it into a script"),
        ((ADDRESS, "--key-helper", "cat key"), "cnp_live_mine", "there are two keys"),
    ],
)
def test_what_could_break_the_file_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], token: str, words: str
) -> None:
    done = setup(tmp_path, *arguments, ANTHROPIC_AUTH_TOKEN=token)

    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert words in done.stderr


def test_the_script_explains_itself(tmp_path: Path) -> None:
    assert setup(tmp_path, "--help").stdout.startswith("Usage: sh setup.sh ANTHROPIC_BASE_URL")
    assert setup(tmp_path).returncode == 2
