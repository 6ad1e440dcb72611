"""An export as lines of JSON: a body is text where it is UTF-8, else base64 under `…_body_base64`."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import IO, Any

import msgspec

from proxy.store.transfer.line import SIDES, LineError


class Lines:
    """Writes exchanges to a file that is open for bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, fields: Iterable[dict[str, Any]]) -> None:
        for field in fields:
            self._file.write(encode(field))

    def close(self) -> None:
        """Nothing is left to write."""


def encode(fields: dict[str, Any]) -> bytes:
    """One line, with its end. The same exchange always gives the same bytes."""
    fields = dict(fields)
    for name in SIDES:
        body = fields.pop(f"{name}_body", None)
        if body is not None:
            fields |= _body(name, body)
    return msgspec.json.encode(_plain(fields)) + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The fields of one line; LineError where it is no JSON object."""
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineError(f"no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise LineError("no JSON object")
    for name in SIDES:
        if (body := _bytes(fields, name)) is not None:
            fields[f"{name}_body"] = body
    return fields


def lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers, blank ones left out."""
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, line


def _body(name: str, body: bytes) -> dict[str, Any]:
    try:
        return {f"{name}_body": body.decode()}
    except UnicodeDecodeError:
        return {f"{name}_body_base64": body}


def _bytes(fields: dict[str, Any], name: str) -> bytes | None:
    text, coded = fields.pop(f"{name}_body", None), fields.pop(f"{name}_body_base64", None)
    if text is None and coded is None:
        return None
    if text is not None and coded is not None:
        raise LineError(f"{name}_body is there twice")
    try:
        return str(text).encode() if coded is None else b64decode(str(coded), validate=True)
    except (UnicodeEncodeError, Base64Error) as error:
        raise LineError(f"{name}_body_base64 is no base64") from error


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Decimals without an exponent: 0E-10 is how Python writes nothing spent."""
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in fields.items()}
