"""A small stack for the tests: the real supervisor, guardian and Redis, with services that note how they end.

Usage: python -m tests.stack.fake_stack DATA_DIR NOTES [--dying] [--required] [--family] [--shared] [--stubborn]
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from nexus_project import env
from nexus_project.stack import run
from nexus_project.stack.console import Console
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import ports
from nexus_project.stack.supervision.commands import Deployment, Service

SERVICE = """
import http.server, os, signal, sys, time
name, notes, port, drain = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass

def leave(*_):
    time.sleep(drain)
    with open(notes, "a") as file:
        file.write(name + "\\n")
    os._exit(0)

signal.signal(signal.SIGTERM, leave)
server = http.server.HTTPServer(("127.0.0.1", port), Ready)
print("session", os.getsid(0) == os.getpid(), flush=True)
if name == "family":
    os.fork()
server.serve_forever()
"""
SHARED = """
import http.server, os, signal, socket, sys
notes, options = sys.argv[1], dict(word[2:].split("=") for word in sys.argv[2:])
if os.path.exists(notes + ".bad"):
    sys.exit("out of luck")

class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())
    def log_message(self, *words):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = http.server.HTTPServer(("127.0.0.1", 0), Who, bind_and_activate=False)
server.socket = socket.socket(fileno=int(options["fd"]))
os.write(int(options["ready"]), b"1")
server.serve_forever()
"""
DYING = "import sys, time; time.sleep(0.3); print('out of luck', flush=True); sys.exit(7)"


def service(name: str, notes: str, drain_seconds: float = 0) -> Service:
    port = ports.free()
    command = (sys.executable, "-c", SERVICE, name, notes, str(port), str(drain_seconds))
    return Service(name, command, 10, ("127.0.0.1", port, "PORT"), f"http://127.0.0.1:{port}/health/ready")


def main(data_dir: str, notes: str, *options: str) -> int:
    drain_seconds = 30.0 if "--stubborn" in options else 0.3
    services = [service("dashboard", notes), service("worker", notes), service("proxy", notes, drain_seconds)]
    if "--family" in options:
        services.append(service("family", notes))
    if "--shared" in options:
        shared = replace(service("shared", notes), command=(sys.executable, "-c", SHARED, notes))
        services.append(replace(shared, shares_socket=True))
    if "--dying" in options:
        services.append(Service("dying", (sys.executable, "-c", DYING), 5))
    if "--required" in options:
        services.append(replace(service("required", notes), command=(sys.executable, "-c", DYING)))
    console = Console()
    deployment = Deployment("127.0.0.1", 1, 1, Path(data_dir))
    try:
        with run.stack(console, deployment, services) as supervisor:
            for each in services:
                child = supervisor.start(each, required=each.name == "required")
                console.say(f"pid {each.name} {child.process.pid}")
                console.say(f"url {each.name} {each.ready_url}")
            urls = {"redis": env.secret("REDIS_URL"), "postgres": env.secret("DATABASE_URL")}
            console.say(f"urls {json.dumps(urls)}")
            console.say("all up")
            supervisor.watch()
    except StackError as error:
        console.say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
