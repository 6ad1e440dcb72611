"""An exchange as pages show it: secrets masked wherever they stand, so that the export can be handed on."""

from typing import Any

import msgspec

from accounts.secrets.masking import mask_json, mask_text
from proxy.record import HeaderPairs
from proxy.store.bodies.codings import plain
from proxy.store.ingest.facts import by_name
from proxy.store.transfer.line import SIDES
from proxy.wire.lenient import parse
from proxy.wire.messages import read_response


def masked(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a line without secrets, marked as such: an import refuses them."""
    shown = {name: _value(value) for name, value in fields.items() if not name.endswith("_body")}
    shown["usage"] = mask_json(fields["usage"])
    for name in SIDES:
        if f"{name}_body" in fields:
            shown[f"{name}_body"] = _body(name, fields)
    return {"nexus_export": shown.pop("nexus_export"), "masked": True, **shown}


def _value(value: Any) -> Any:
    match value:
        case str():
            return mask_text(value)
        case list():
            return [_value(item) for item in value]
        case tuple():
            return tuple(_value(item) for item in value)
    return value


def _body(name: str, fields: dict[str, Any]) -> bytes:
    """JSON, masked by its keys too; a stream as the message that it tells, because a secret may lie across its events."""
    pairs: HeaderPairs = fields[f"{name}_headers"]
    headers = by_name(pairs)
    body = plain(fields[f"{name}_body"], pairs)
    if name == "response":
        # Without a type, a stream is known by how it begins.
        for kind in (headers.get("content-type", ""), ""):
            message = read_response(fields["status"], kind, body).message
            if message is not None:
                return msgspec.json.encode(mask_json(message))
    value = parse(body)
    if value is None:
        return mask_text(body.decode("utf-8", "replace")).encode()
    return msgspec.json.encode(mask_json(value))
