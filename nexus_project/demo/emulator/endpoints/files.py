"""The Files API (https://docs.claude.com/en/docs/build-with-claude/files), kept in memory."""

import re
from datetime import UTC, datetime
from email.message import Message

from nexus_project.demo.emulator.api.call import Call, Json
from nexus_project.demo.emulator.api.errors import error
from nexus_project.demo.emulator.api.ids import new_id
from nexus_project.demo.emulator.api.paging import page
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.script import Script


class Files:
    """Uploads, lists, hands out and deletes files."""

    def __init__(self) -> None:
        self._files: dict[str, Json] = {}
        self._contents: dict[str, bytes] = {}

    def upload(self, call: Call) -> Script:
        part = file_part(call.entry.body, call.entry.value("content-type"))
        if part is None:
            return error(400, "file: Field required")
        name, kind, content = part
        file: Json = {
            "type": "file",
            "id": new_id("file"),
            "size_bytes": len(content),
            "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "filename": name,
            "mime_type": kind,
            "downloadable": True,
        }
        self._files[file["id"]] = file
        self._contents[file["id"]] = content
        return json_response(file)

    def listed(self, call: Call) -> Script:
        return json_response(page(list(reversed(self._files.values())), call.query))

    def get(self, call: Call) -> Script:
        file = self._files.get(call.last_segment)
        return json_response(file) if file else _missing(call.last_segment)

    def content(self, call: Call) -> Script:
        identifier = call.entry.path.split("/")[3]
        if identifier not in self._files:
            return _missing(identifier)
        content = self._contents[identifier]
        headers = (
            ("content-type", self._files[identifier]["mime_type"]),
            ("content-length", str(len(content))),
        )
        return Script(200, headers, (content,))

    def delete(self, call: Call) -> Script:
        if self._files.pop(call.last_segment, None) is None:
            return _missing(call.last_segment)
        del self._contents[call.last_segment]
        return json_response({"id": call.last_segment, "type": "file_deleted"})


def _missing(identifier: str) -> Script:
    return error(404, f"File not found: {identifier}")


def file_part(body: bytes, content_type: str) -> tuple[str, str, bytes] | None:
    """Return name, media type and content of the part "file" of a multipart/form-data body (RFC 7578)."""
    outer = Message()
    outer["content-type"] = content_type
    boundary = outer.get_boundary()
    if not boundary:
        return None
    for fragment in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        head, separator, content = fragment.partition(b"\r\n\r\n")
        names = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode("utf-8", "replace")))
        if separator and names.get("name") == "file":
            kind = re.search(rb"content-type:\s*([^\r\n]+)", head, re.IGNORECASE)
            media_type = kind[1].decode("latin-1") if kind else "application/octet-stream"
            return names.get("filename", "upload"), media_type, content
    return None
