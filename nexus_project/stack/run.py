"""`run` and the commands for one service: servers, migrations, services, until somebody says stop."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator, Sequence

from nexus_project.stack import environment
from nexus_project.stack.console import Console
from nexus_project.stack.invitation import invite, place_of_key
from nexus_project.stack.machine import ports
from nexus_project.stack.servers.hold import Hold
from nexus_project.stack.supervision import addresses, commands
from nexus_project.stack.supervision.commands import Deployment, Service
from nexus_project.stack.supervision.reaper import Reaper
from nexus_project.stack.supervision.supervisor import Stopped, Supervisor

ALL = ("dashboard", "worker", "beat", "proxy")
STOPPING = "Ctrl-C stops everything, a second one does not wait."


def run(console: Console, names: Sequence[str]) -> int:
    """Run the named services until a signal; 0 after an orderly end."""
    environment.read_env(console)
    deployment = environment.deployment()
    services = chosen(deployment, names)
    with stack(console, deployment, services) as supervisor:
        start(supervisor, deployment, services, console.say)
        if names == ALL:
            admin = "make yourself an operator: .venv/bin/python manage.py set_operator NAME"
            invite(console, deployment, place_of_key(), admin, STOPPING)
        supervisor.watch()
    return 0


def chosen(deployment: Deployment, names: Sequence[str]) -> list[Service]:
    """The services in the order in which they start; they stop in the reverse one."""
    known = {
        "dashboard": commands.dashboard(deployment),
        "worker": commands.worker(),
        "beat": commands.beat(deployment),
        "proxy": commands.proxy(deployment),
    }
    return [known[name] for name in names]


@contextlib.contextmanager
def stack(console: Console, deployment: Deployment, services: Sequence[Service]) -> Iterator[Supervisor]:
    """A supervisor with servers below it; at the end all is stopped, and being asked to stop is no error."""
    for service in services:
        if service.port:
            ports.require_free(*service.port)
    held = environment.servers(deployment.data_dir, console)
    reaper = Reaper([held.fileno()] if held else [])
    hold = held and Hold(deployment.data_dir, held, lambda lease: reaper.renew([lease.fileno()]))
    supervisor = Supervisor(console, reaper, deployment.data_dir, hold)
    with supervisor.handling_signals():
        try:
            if held:
                console.say(f"{' and '.join(held.needs)} up, kept in {deployment.data_dir}")
            yield supervisor
        except Stopped:
            pass
        finally:
            supervisor.stop()
            reaper.dismiss()
            if hold:
                hold.leave()
            console.say("stopped")


def start(
    supervisor: Supervisor, deployment: Deployment, services: Sequence[Service], say: Callable[[str], None]
) -> None:
    """Migrate, one command at a time on this data folder, then start the services, each with its own role."""
    with (deployment.data_dir / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        supervisor.run_to_end(commands.migrate())
        addresses.grant()
    for service in services:
        # Nobody is served without the proxy, and a service alone has nothing that should go on without it.
        supervisor.start(addresses.given(service), required=service.name == "proxy" or len(services) == 1)
        where = service.ready_url.removesuffix("/health/ready")
        say(f"{service.name} {f'ready at {where}' if where else 'started'}")
