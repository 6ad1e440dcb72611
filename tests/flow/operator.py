"""What an operator types on the machine of a running Nexus, and sees on its dashboard."""

import subprocess
import sys

import msgspec
import redis

from nexus_project import env
from nexus_project.stack.supervision import commands
from proxy.heartbeat import SPOOLS_KEY, Heartbeat
from proxy.store.models import Spool
from proxy.store.pipeline import SpoolState, state_of
from tests.flow.conftest import Nexus


def spools(nexus: Nexus) -> list[SpoolState]:
    """Its spools as `/api/pipeline` shows them; the heartbeats are read first, as there."""
    with redis.Redis.from_url(nexus.worker.environment["REDIS_URL"]) as client:
        said = {key.decode(): value for key, value in client.hgetall(SPOOLS_KEY).items()}
    beats = {key: msgspec.json.decode(value, type=Heartbeat) for key, value in said.items()}
    rows = {str(row["id"]): Spool(**row) for row in nexus.rows("SELECT * FROM proxy_spool")}
    return [state_of(key, rows.get(key), beats.get(key)) for key in sorted(rows.keys() | beats.keys())]


def manage(nexus: Nexus, *words: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` with the settings of the system; its output as text."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        env=env.child_environment({**commands.migrate().environment, **nexus.worker.environment}),
        cwd=env.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
