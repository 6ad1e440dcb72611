"""A server of the Model Context Protocol on stdin and stdout, with many tools that no client ever calls: run as a program."""

import json
import sys
from typing import Any

TOOLS = 60
SCHEMA = {
    "type": "object",
    "properties": {
        f"field_{number}": {"type": "string", "description": "What this field of the form holds, at length."}
        for number in range(20)
    },
}


def result_of(request: dict[str, Any]) -> dict[str, Any]:
    """What the specification (2025-06-18) wants for each method."""
    if request["method"] == "initialize":
        return {
            "protocolVersion": request["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "forms", "version": "1"},
        }
    if request["method"] == "tools/list":
        return {
            "tools": [
                {
                    "name": f"form_{number}",
                    "description": f"Fill in form {number} of the office.",
                    "inputSchema": SCHEMA,
                }
                for number in range(TOOLS)
            ]
        }
    return {}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            response = {"jsonrpc": "2.0", "id": asked["id"], "result": result_of(asked)}
            print(json.dumps(response), flush=True)
