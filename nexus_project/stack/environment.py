"""What a command finds on this machine: its `.env`, its data folder, its servers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack import dotenv
from nexus_project.stack.console import Console
from nexus_project.stack.machine import folders
from nexus_project.stack.servers import lease
from nexus_project.stack.servers.lease import Lease
from nexus_project.stack.supervision import addresses
from nexus_project.stack.supervision.commands import Deployment

SETTING_OF = {"database": "DATABASE_URL", "redis": "REDIS_URL"}
DEMO_DATA_DIR = "var/demo"


def read_env(console: Console) -> None:
    """Load `.env`, made with fresh secrets when there is none; the environment overrides it."""
    path = env_file()
    if dotenv.ensure(path):
        console.say(f"made {path} with fresh secrets")
    env.read_env_file()


def env_file() -> Path:
    return Path(env.text("NEXUS_ENV_FILE") or BASE_DIR / ".env")


def deployment() -> Deployment:
    """The settings that the stack itself needs; the data folder exists afterwards."""
    data_dir = folders.make_data_folder(env.folder("NEXUS_DATA_DIR", "var"))
    folders.make_private_folder(data_dir / "beat")
    env.export(NEXUS_DATA_DIR=str(data_dir))
    return Deployment(
        host=env.text("HOST", "127.0.0.1"),
        proxy_port=env.integer("PROXY_PORT", 3000, minimum=1, maximum=65535),
        dashboard_port=env.integer("DASHBOARD_PORT", 3001, minimum=1, maximum=65535),
        data_dir=data_dir,
        proxy_workers=env.integer("PROXY_WORKERS", 1, minimum=1, maximum=256),
        grace_seconds=env.integer("SHUTDOWN_GRACE_SECONDS", 30),
    )


def servers(data_dir: Path, console: Console | None = None, *, temporary: bool = False) -> Lease | None:
    """Hold the embedded servers for which no address is set, and set theirs; None when both are given.

    The console says what is worth knowing of their start.
    """
    addresses.require_owner()
    needs = missing_servers()
    if not needs:
        return None
    held = lease.take(data_dir, needs, temporary=temporary)
    env.export(**held.urls)
    for notice in held.notices:
        (console or Console(sys.stderr)).say(notice)
    return held


def missing_servers() -> Sequence[str]:
    """The servers whose address neither the environment nor `.env` gives."""
    return [need for need, setting in SETTING_OF.items() if not env.secret(setting)]
