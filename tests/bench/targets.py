"""Where load goes: straight to the upstream, through nginx, through Nexus."""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from nexus_project import env
from nexus_project.stack.machine import owned_folders, ports
from tests.bench.build import BenchError
from tests.bench.system import System

DIRECT, NGINX, BARE, OURS, OURS_OFF = "direct", "nginx", "bare view", "nexus", "nexus, storage off"

NGINX_SETTINGS = """\
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/errors warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/answers;
  fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  keepalive_requests 100000000;
  upstream api {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering on;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Target:
    """`pids` are what is measured as the proxy, `system` what is behind it; direct has neither."""

    name: str
    port: int
    pids: tuple[int, ...] = ()
    system: System | None = None

    @property
    def behind(self) -> tuple[int, ...]:
        return self.system.behind if self.system else ()


def ours(name: str, system: System) -> Target:
    return Target(name, system.port, (system.proxy.popen.pid,), system)


@contextlib.contextmanager
def nginx(upstream_port: int) -> Iterator[Target | None]:
    """An nginx with settings of its own; None where there is none on PATH."""
    program = shutil.which("nginx")
    if not program:
        yield None
        return
    folder, port = owned_folders.make_temporary(owned_folders.DATA), ports.free()
    settings = folder / "nginx.conf"
    settings.write_text(NGINX_SETTINGS.format(folder=folder, upstream=upstream_port, port=port))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(settings)], stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield Target(NGINX, port, (process.pid,))
    finally:
        process.terminate()
        process.wait()
        owned_folders.remove(folder)


@contextlib.contextmanager
def bare(upstream_port: int) -> Iterator[Target]:
    """The bare view in a process of its own."""
    port = ports.free()
    options = ("--port", str(port), "--loop", "uvloop", "--http", "httptools", "--lifespan", "off")
    quiet = (
        "--no-access-log",
        "--no-proxy-headers",
        "--no-server-header",
        "--no-date-header",
        "--log-level",
        "error",
    )
    command = [sys.executable, "-m", "uvicorn", "tests.bench.bare:application", *options, *quiet]
    environment = env.child_environment({"BENCH_UPSTREAM": f"http://127.0.0.1:{upstream_port}"})
    process = subprocess.Popen(command, env=environment, cwd=env.BASE_DIR)
    try:
        _wait(port)
        yield Target(BARE, port, (process.pid,))
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            httpx.post(f"http://127.0.0.1:{port}/", content=b"{}")
            return
        time.sleep(0.05)
    raise BenchError("A server to compare with did not start within 5 s: look above, or take nginx off PATH.")
