"""`demo`: the stack against an emulator of the API, with sample traffic; no key, no internet needed."""

import http.client
import json

from nexus_project import env
from nexus_project.stack import environment, run
from nexus_project.stack.console import Console
from nexus_project.stack.errors import StackError
from nexus_project.stack.invitation import invite
from nexus_project.stack.machine import ports, processes
from nexus_project.stack.supervision import addresses, commands
from nexus_project.stack.supervision.commands import Deployment

STORED_SECONDS = 60
OPERATOR = "operator"


def demo(console: Console, *, once: bool) -> int:
    """Start everything and show it; with `once` check that every sample was stored, and stop."""
    upstream_port = prepare(console)
    deployment = environment.deployment()
    services = [commands.emulator(upstream_port), *run.chosen(deployment, run.ALL)]
    status = 1 if once else 0  # a check that is interrupted has not succeeded
    with run.stack(console, deployment, services) as supervisor:
        run.start(supervisor, deployment, services, console.say)
        supervisor.run_to_end(commands.operator(OPERATOR, env.secret("DASHBOARD_API_KEY")))
        supervisor.run_to_end(commands.samples(deployment.proxy_url, trickle=False))
        if once:
            console.say(require_stored(deployment))
            status = 0
        else:
            key, last = env.secret("DASHBOARD_API_KEY"), f"Sample traffic goes on; {run.STOPPING}"
            invite(console, deployment, key, f"{OPERATOR}, the same key as password", last)
            supervisor.start(commands.samples(deployment.proxy_url, trickle=True))
            supervisor.watch()
    return status


def prepare(console: Console) -> int:
    """Point the services at the emulator's port (returned), away from all that is real in `.env`."""
    servers = {
        setting: env.secret(setting) for setting in (*environment.SETTING_OF.values(), *addresses.NAMES)
    }
    data_dir = env.text("NEXUS_DATA_DIR") or environment.DEMO_DATA_DIR
    environment.read_env(console)
    upstream_port = ports.free()
    env.export(
        NEXUS_DATA_DIR=data_dir,
        CLAUDE_API_BASE_URL=f"http://127.0.0.1:{upstream_port}",
        CLAUDE_API_KEY="sk-ant-api03-demo",
        CREDENTIALS_DIR=f"{data_dir}/credentials",
        STORAGE_ENABLED="true",
        SLACK_WEBHOOK_URL="",
        SLACK_ENABLED="false",
        TELEMETRY_ENDPOINT="",
        # The report of every ten seconds would push the address and the key off the screen.
        LOG_LEVEL=env.text("LOG_LEVEL") or "warning",
        # Samples must not end up in the database that `.env` names; one given for this very command is used.
        **servers,
    )
    return upstream_port


def require_stored(deployment: Deployment) -> str:
    """A sentence with the counts once everything accepted is stored; StackError when that does not happen."""
    counts: dict[str, int] = {}

    def settled() -> bool:
        counts.update(pipeline(deployment))
        return 0 < counts["accepted"] == counts["stored"]

    if processes.wait_until(settled, STORED_SECONDS):
        return f"{counts['stored']} sample requests accepted and stored, none lost"
    raise StackError(
        f"The samples were not all stored within {STORED_SECONDS} s: {counts}; read the worker's lines above."
    )


def pipeline(deployment: Deployment) -> dict[str, int]:
    """The counters of /api/pipeline."""
    host, _, port = deployment.dashboard_url.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/api/pipeline", headers={"X-API-Key": env.secret("DASHBOARD_API_KEY")})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise StackError(f"The dashboard answered {response.status} to /api/pipeline: read its lines above.")
    return {name: int(value) for name, value in json.loads(body).items() if isinstance(value, int)}
