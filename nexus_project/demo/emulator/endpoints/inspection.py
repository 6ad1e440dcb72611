"""GET /_emulator/health and /_emulator/log: look into a running emulator from another process."""

import base64
from urllib.parse import parse_qs

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.log import Log
from nexus_project.demo.received import Received, summary
from nexus_project.demo.script import Script
from nexus_project.demo.serving import Scope


def inspect(scope: Scope, log: Log) -> Script:
    """Answer an inspection request; `/log?bodies=1` adds each body in base64."""
    match scope["path"]:
        case "/_emulator/health":
            return json_response({"status": "healthy", "received": len(log)})
        case "/_emulator/log":
            with_bodies = parse_qs(scope["query_string"].decode("latin-1")).get("bodies") == ["1"]
            return json_response([_entry(entry, with_bodies=with_bodies) for entry in log])
    return error(404)


def _entry(entry: Received, *, with_bodies: bool) -> Json:
    shown = summary(entry, masked=False)
    return {**shown, "body": base64.b64encode(entry.body).decode()} if with_bodies else shown
