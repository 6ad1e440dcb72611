"""Where everything is, said once all of it is up."""

from pathlib import Path

from nexus_project import env
from nexus_project.stack import environment
from nexus_project.stack.console import Console
from nexus_project.stack.supervision.commands import Deployment


def invite(console: Console, deployment: Deployment, key: str, admin: str, last: str) -> None:
    """Print the addresses; `key` is the dashboard's or where it stands, `admin` who may enter there."""
    console.say("")
    console.say(f"Dashboard  {deployment.dashboard_url}/")
    console.say(f"Key        {key}")
    console.say(f"Admin      {deployment.dashboard_url}/admin/   ({admin})")
    console.say(f"Proxy      {deployment.proxy_url}   (ANTHROPIC_BASE_URL)")
    console.say(last)
    console.say("")


def place_of_key() -> str:
    """Where the dashboard's key is to be read, and not the key: terminals are recorded and shared."""
    if file := env.secret_file("DASHBOARD_API_KEY"):
        return f"in {file}"
    path, key = environment.env_file(), env.secret("DASHBOARD_API_KEY")
    if not key:
        return f"none, so the dashboard is closed: set DASHBOARD_API_KEY in {path}"
    # The environment overrides the file, and may give another one.
    return f"DASHBOARD_API_KEY {f'in {path}' if key in _values(path) else 'of the environment'}"


def _values(path: Path) -> list[str]:
    """What the file gives as the key: one, or none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    named = (line.strip().removeprefix("export ").partition("=") for line in lines)
    return [value.strip("'\" ") for name, _, value in named if name == "DASHBOARD_API_KEY"]
