"""The real Claude Code: installed once from npm's registry, and run against an address of loopback."""

import hashlib
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from nexus_project import env

PINNED = Path(__file__).parent
FILES = ("package.json", "package-lock.json")
INSTALL_SECONDS = 120
RUN_SECONDS = 60
# What npm says when the fault is ours: a package that is not the pinned one, or a lock file of another package.json.
OUR_FAULT = ("EINTEGRITY", "EUSAGE")
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a run reports of itself at its end."""

    session_id: str
    text: str
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class ClaudeCode:
    """The program. `home` takes all that its runs write, so that none reads or changes what its user has."""

    program: Path
    home: Path

    def ask(self, prompt: str, *options: str, model: str, address: str = "", **environment: str) -> Reported:
        """Let it work on a prompt until it is done; without an address it goes by the settings in its home.

        `options` are those of its command line; `environment` is added to its own.

        Raises:
            AssertionError: it failed; the message holds its words.
        """
        done = self._run(prompt, model, {**self._environment(address), **environment}, *options)
        assert done.returncode == 0, f"Claude Code ended with {done.returncode}: {done.stdout}{done.stderr}"
        reported = json.loads(done.stdout, parse_float=Decimal)
        return Reported(reported["session_id"], reported["result"], Decimal(reported["total_cost_usd"]))

    def ask_in_vain(self, prompt: str, *, model: str, address: str, **environment: str) -> str:
        """Let it meet a refusal; what it shows of that to its user. `environment` is added to its own.

        Raises:
            AssertionError: it was not refused.
            subprocess.TimeoutExpired: it goes on trying.
        """
        done = self._run(prompt, model, {**self._environment(address), **environment})
        assert done.returncode != 0, f"Claude Code was not refused: {done.stdout}"
        return str(json.loads(done.stdout)["result"])

    def _run(
        self, prompt: str, model: str, environment: dict[str, str], *options: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), "-p", prompt, "--model", model, "--output-format", "json", *options],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )

    def _environment(self, address: str) -> dict[str, str]:
        """Nothing of the environment here: a developer's own keys and settings stay out of it."""
        chosen = {
            "ANTHROPIC_BASE_URL": address,
            "ANTHROPIC_API_KEY": "sk-ant-api03-of-claude-code",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        return {
            **(chosen if address else {}),
            "PATH": env.text("PATH"),
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "DISABLE_AUTOUPDATER": "1",
            "HTTPS_PROXY": NOBODY,  # whatever else it wants to reach, it meets nobody
            "NO_PROXY": "127.0.0.1",
        }


def install() -> Path:
    """The pinned program, from the user's cache or else from npm's registry; without either the tests are skipped."""
    pinned = b"".join((PINNED / name).read_bytes() for name in FILES)
    cache = Path(env.text("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexus-tests"
    folder = cache / f"claude-code-{hashlib.sha256(pinned).hexdigest()[:12]}"
    if not folder.exists():
        _fill(folder)
    programs = sorted(folder.glob("@anthropic-ai/claude-code-*/claude"))
    if not programs:
        pytest.skip("Claude Code is not here: npm has no program for this system.")
    return programs[0]


def _fill(folder: Path) -> None:
    """Make the folder, whole or not at all; another run of the suite may do the same at this moment."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Claude Code is not here: npm, which would install it, is not on PATH.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as staging:
        _install(npm, Path(staging))
        try:
            Path(staging, "node_modules").rename(folder)
        except OSError:
            if not folder.exists():
                raise


def _install(npm: str, folder: Path) -> None:
    """`npm ci` checks each package against its hash in the lock file; no package's script runs."""
    for name in FILES:
        shutil.copy(PINNED / name, folder)
    quick = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"]
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *quick]
    # Else Node leaves compiled code in the folder for temporary files.
    environment = env.child_environment({"NODE_DISABLE_COMPILE_CACHE": "1"})
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"Claude Code is not here: npm did not install it within {INSTALL_SECONDS} s.")
    if any(fault in done.stderr for fault in OUR_FAULT):
        pytest.fail(f"npm refuses tests/clients/package-lock.json:\n{done.stderr}")
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        pytest.skip(f"Claude Code is not here: npm could not install it: {', '.join(errors[:3])}")
