"""The command line of every process of Nexus, as data: for the supervisor, the images and the tests."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from nexus_project.stack.backoff import LONGEST_SECONDS

PYTHON = sys.executable
# Clients wait for it.
PROXY_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the services listen and keep their files."""

    host: str
    proxy_port: int
    dashboard_port: int
    data_dir: Path
    proxy_workers: int = 1
    grace_seconds: int = 30

    @property
    def bind_host(self) -> str:
        """The host as sockets want it: an IPv6 address without its brackets."""
        return self.host.strip("[]")

    @property
    def proxy_url(self) -> str:
        return f"http://{self._reachable_host}:{self.proxy_port}"

    @property
    def dashboard_url(self) -> str:
        return f"http://{self._reachable_host}:{self.dashboard_port}"

    @property
    def _reachable_host(self) -> str:
        every_address = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
        host = every_address.get(self.bind_host, self.bind_host)
        return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Service:
    """One process to run.

    `port` is (host, number, the setting that chooses it); `ready_url` answers 200 when the service is up. Where it ends again
    and again, the next start comes after `longest_pause_seconds` at the latest. With `shares_socket` whoever starts it listens on
    `port`, hands the descriptor over by `--fd`, and learns by that of `--ready` when it serves: so several may serve at a time.
    """

    name: str
    command: tuple[str, ...]
    grace_seconds: float
    port: tuple[str, int, str] | None = None
    ready_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    longest_pause_seconds: float = LONGEST_SECONDS
    shares_socket: bool = False


# What glibc reads, in bytes: by default it keeps the memory of large bodies for the next ones, in each thread's arena for itself.
GIVE_MEMORY_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "4194304",
    "MALLOC_TRIM_THRESHOLD_": "8388608",
}


def proxy(deployment: Deployment) -> Service:
    options = [
        "--host",
        deployment.bind_host,
        "--port",
        str(deployment.proxy_port),
        "--grace",
        str(deployment.grace_seconds),
    ]
    if deployment.proxy_workers > 1:
        options += ["--workers", str(deployment.proxy_workers)]
    return Service(
        name="proxy",
        command=(PYTHON, "-m", "nexus_project.serve", *options),
        # Above uvicorn's own limit: the records of the streams that it cuts are still written.
        grace_seconds=deployment.grace_seconds + 10,
        port=(deployment.bind_host, deployment.proxy_port, "PROXY_PORT"),
        ready_url=f"{deployment.proxy_url}/health/ready",
        environment={"DJANGO_SETTINGS_MODULE": "nexus_project.settings.proxy", **GIVE_MEMORY_BACK},
        longest_pause_seconds=PROXY_LONGEST_PAUSE_SECONDS,
        shares_socket=True,
    )


def dashboard(deployment: Deployment) -> Service:
    return Service(
        name="dashboard",
        command=(
            *(
                PYTHON,
                "-m",
                "daphne",
                "-b",
                deployment.bind_host,
                "-p",
                str(deployment.dashboard_port),
                "--verbosity",
                "0",
            ),
            *("--no-server-name", "nexus_project.asgi.dashboard:application"),
        ),
        grace_seconds=10,
        port=(deployment.bind_host, deployment.dashboard_port, "DASHBOARD_PORT"),
        ready_url=f"{deployment.dashboard_url}/health/ready",
        environment={"DJANGO_SETTINGS_MODULE": "nexus_project.settings.dashboard"},
    )


def worker() -> Service:
    return Service(
        name="worker",
        command=(
            *(PYTHON, "-m", "celery", "-A", "nexus_project", "-q", "worker"),
            *("--queues", "ingest,nexus", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING"),
            # Workers have nothing to tell each other, and asking costs a second of each start.
            *("--without-gossip", "--without-mingle"),
        ),
        grace_seconds=30,
        environment={
            "DJANGO_SETTINGS_MODULE": "nexus_project.settings.worker",
            # Celery's warning about root is about pickled messages, and none are accepted here.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        },
    )


def beat(deployment: Deployment) -> Service:
    return Service(
        name="beat",
        command=(
            *(PYTHON, "-m", "celery", "-A", "nexus_project", "-q", "beat"),
            *(
                "--schedule",
                str(deployment.data_dir / "beat" / "schedule"),
                "--pidfile",
                "",
                "--loglevel",
                "WARNING",
            ),
        ),
        grace_seconds=10,
        environment={"DJANGO_SETTINGS_MODULE": "nexus_project.settings.worker"},
    )


def emulator(port: int) -> Service:
    return Service(
        name="emulator",
        command=(PYTHON, "-m", "nexus_project.demo.emulator", "--port", str(port)),
        grace_seconds=5,
        port=("127.0.0.1", port, "nothing"),
    )


def migrate() -> Service:
    return Service(
        name="migrate",
        command=(PYTHON, "manage.py", "migrate", "--no-input", "--verbosity", "0"),
        grace_seconds=60,
        environment={"DJANGO_SETTINGS_MODULE": "nexus_project.settings.store"},
    )


def roles() -> Service:
    return Service(
        name="roles",
        command=(PYTHON, "manage.py", "create_db_roles"),
        grace_seconds=60,
        environment={"DJANGO_SETTINGS_MODULE": "nexus_project.settings.store"},
    )


def operator(name: str, password: str) -> Service:
    return Service(
        name="operator",
        command=(PYTHON, "manage.py", "set_operator", name),
        grace_seconds=10,
        environment={
            "DJANGO_SETTINGS_MODULE": "nexus_project.settings.store",
            "OPERATOR_PASSWORD": password,
        },
    )


def samples(proxy_url: str, *, trickle: bool) -> Service:
    # Another seed: what trickles is not what has just been sent.
    options = ("--trickle", "--seed", "2") if trickle else ()
    return Service(
        name="samples",
        command=(PYTHON, "-m", "nexus_project.demo.samples", "--proxy", proxy_url, *options),
        grace_seconds=5,
    )
