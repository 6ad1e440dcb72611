"""One exchange as an export holds it: every column by its name, the price by its values, then what went over the wire.

The shape follows the columns of `Exchange`, so that a new one is exported without a change here. VERSION changes when a
reader of today would misunderstand a line; a column that is new needs a default, and lines without it stay readable.
docs/decisions/0019 says why it is so.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.db import models

from proxy.price_table import MODEL_LENGTH
from proxy.record import OUTCOMES
from proxy.store.bodies.traffic import Side, Traffic, Whole
from proxy.store.models import Exchange
from proxy.store.postgres import columns
from proxy.store.transfer.priced import Priced, Prices
from proxy.wire.billing.refusals import Attempts

VERSION = 1
COLUMNS = [field for field in Exchange._meta.concrete_fields if field.attname != "price_id"]
SIDES = ("request", "response")

_TEXT = r"^[^\x00]*$"  # no column holds a NUL
_COST = Decimal("1E-12")
_MOST_USD = 10**8  # no exchange costs it, and no sum of them may drown in one


class LineError(ValueError):
    """A line that cannot be stored; the message tells why."""


def fields_of(whole: Whole, prices: Prices) -> dict[str, Any]:
    """An exchange in the order of the export; bodies are bytes, and absent where they are not at hand."""
    row = whole.exchange
    fields: dict[str, Any] = {"nexus_export": VERSION}
    fields.update((column.attname, getattr(row, column.attname)) for column in COLUMNS)
    fields["price"] = prices.by_id(row.price_id)
    if traffic := whole.traffic:
        fields["chunks"] = traffic.chunks
        for name, side in zip(SIDES, (traffic.request, traffic.response), strict=True):
            fields |= _side_fields(name, side)
    return fields


def _side_fields(name: str, side: Side) -> dict[str, Any]:
    fields: dict[str, Any] = {
        f"{name}_headers": side.headers,
        f"{name}_sha256": side.digest.hex() or None,
        f"{name}_dropped": side.dropped,
        f"{name}_not_kept": side.not_kept,
    }
    if side.body is not None:
        fields[f"{name}_body"] = side.body
    return fields


def whole_of(fields: Mapping[str, Any], prices: Prices) -> Whole:
    """The exchange of such fields, checked; LineError says what is wrong with it."""
    version = fields.get("nexus_export")
    if version != VERSION:
        raise LineError(
            f"not a line of export_traffic, version {VERSION} (nexus_export is {version!r}):"
            " a newer Nexus may have written it"
        )
    if fields.get("masked"):
        raise LineError("its bodies are masked (--mask): what is not exact is no record")
    try:
        line = msgspec.convert(fields, _Line, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise LineError(str(error)) from error
    return Whole(_exchange(line, prices), _traffic(line))


def _exchange(line: Any, prices: Prices) -> Exchange:
    row = Exchange(**{column.attname: getattr(line, column.attname) for column in COLUMNS})
    if row.id.version != 7:
        raise LineError(f"{row.id} is no UUIDv7, so its month is unknown")
    if row.outcome not in OUTCOMES:
        raise LineError(f"the outcome is none of {', '.join(OUTCOMES)}")
    for name in ("cost_usd", "estimated_usd"):
        usd = getattr(row, name)
        if usd is not None and (not usd.is_finite() or abs(usd) >= _MOST_USD):
            raise LineError(f"{name} is no amount")
    for name in ("usage", "stop_details"):
        if columns.json_value(getattr(row, name)) is not getattr(row, name):
            raise LineError(f"{name} holds what PostgreSQL cannot keep")
    for name, kind in _SHAPES.items():
        _check(getattr(row, name), name, kind)
    for name in ("cost_usd", "estimated_usd"):
        value = getattr(row, name)
        setattr(row, name, None if value is None else value.quantize(_COST))
    row.price_id = prices.id_of(line.price)
    return row


def _check(value: object, name: str, kind: Any) -> None:
    """What sums are made of must have its shape."""
    try:
        msgspec.convert(value, kind | None)
    except msgspec.ValidationError as error:
        raise LineError(f"{name} is not what Nexus writes: {error}") from error


def _traffic(line: Any) -> Traffic | None:
    if line.request_headers is None or line.response_headers is None:
        return None
    request, response = (_side(line, name) for name in SIDES)
    return Traffic(request, response, line.chunks)


def _side(line: Any, name: str) -> Side:
    body: bytes | None = getattr(line, f"{name}_body")
    digest: str = getattr(line, f"{name}_sha256") or ""
    if body is not None and sha256(body).hexdigest() != digest:
        raise LineError(f"{name}_body is not what {name}_sha256 was made of: it was changed or cut")
    return Side(
        getattr(line, f"{name}_headers"),
        body,
        bytes.fromhex(digest),
        getattr(line, f"{name}_dropped"),
        getattr(line, f"{name}_not_kept"),
    )


def _type(field: models.Field[Any, Any]) -> Any:
    kind = field.get_internal_type()
    if isinstance(field, models.CharField):
        found: Any = Annotated[str, msgspec.Meta(max_length=field.max_length, pattern=_TEXT)]
    elif isinstance(field, models.TextField):
        found = Annotated[str, msgspec.Meta(pattern=_TEXT)]
    elif kind in columns.INTEGERS:
        found = Annotated[int, msgspec.Meta(ge=0, le=columns.INTEGERS[kind])]
    elif isinstance(field, ArrayField):
        found = list[_type(field.base_field)]  # type: ignore[misc]  # made at run time from a column
    else:
        found = _PLAIN[kind]
    return found | None if field.null else found


_PLAIN: dict[str, Any] = {
    "UUIDField": UUID,
    "DateTimeField": Annotated[datetime, msgspec.Meta(tz=True)],
    "BooleanField": bool,
    "DecimalField": Decimal,
    "JSONField": Any,
}
_Count = Annotated[int, msgspec.Meta(ge=0, le=columns.INTEGERS["BigIntegerField"])]
_Usd = Annotated[str, msgspec.Meta(pattern=r"^\d{1,12}(\.\d{1,12})?$")]
_Model = Annotated[str, msgspec.Meta(max_length=MODEL_LENGTH, pattern=_TEXT)]
_SHAPES: dict[str, Any] = {
    "billed": Annotated[
        list[tuple[_Model, _Count, _Count, _Count, _Count, _Usd]], msgspec.Meta(min_length=1)
    ],
    "attempts": Attempts,
}
_HEADERS = list[tuple[str, str]]


def _column(field: models.Field[Any, Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    if field.has_default() or field.null:
        return field.attname, _type(field), field.get_default()
    return field.attname, _type(field)


_Line = msgspec.defstruct(
    "Line",
    [
        ("nexus_export", int),
        *(_column(column) for column in COLUMNS),
        ("price", Priced | None, None),
        ("chunks", list[tuple[float, int]], msgspec.field(default_factory=list)),
        *(
            part
            for name in SIDES
            for part in (
                (f"{name}_headers", _HEADERS | None, None),
                (
                    f"{name}_sha256",
                    Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None,
                    sha256().hexdigest(),
                ),
                (f"{name}_dropped", bool, False),
                (f"{name}_not_kept", bool, False),
                (f"{name}_body", bytes | None, None),
            )
        ),
    ],
    kw_only=True,
    forbid_unknown_fields=True,
)
