"""What of a row an entry may say. A field is masked unless it is known to hold no secret, so that a new one is safe by default."""

from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, TypedDict

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.fields import tolerant
from accounts.secrets.masking import mask_text
from accounts.secrets.names import is_secret_name

LONGEST = 500
# The very types: what inherits from one of them, as an encrypted text does, is masked.
_NUMBERS = {
    models.BooleanField, models.DecimalField, models.FloatField, models.IntegerField, models.BigIntegerField,
    models.PositiveIntegerField, models.PositiveSmallIntegerField, models.DateField, models.DateTimeField,
    models.UUIDField, models.ForeignKey, models.OneToOneField,
}  # fmt: skip
_TEXTS = {models.CharField, models.TextField, models.EmailField, ArrayField}
_NO_CHANGE = {"last_login", "last_used_at"}

Field = models.Field[Any, Any]


class Change(TypedDict):
    """One field: its old and new value as text, None for none. Of one with `secret` only that it changed is known."""

    field: str
    old: str | None
    new: str | None
    secret: NotRequired[bool]


def is_masked(field: Field) -> bool:
    """Whether the values of a field are kept out: by type, by name, and a text that no form edits, as a digest is."""
    if is_secret_name(field.name):
        return True
    return type(field) not in _NUMBERS and not (type(field) in _TEXTS and field.editable)


def read(model: type[models.Model], pk: object) -> models.Model | None:
    """The row as the database has it, also where no key decrypts a secret of it."""
    with tolerant():
        return model._base_manager.filter(pk=pk).first()


def changes_between(old: models.Model | None, new: models.Model | None) -> list[Change]:
    """What is not the same in two states of a row, None where it is not there."""
    row = new or old
    if row is None:
        return []
    fields = [field for field in row._meta.concrete_fields if _counts(field)]
    return [_change(field, old, new) for field in fields if _value(field, old) != _value(field, new)]


def names(field: str, old: Mapping[Any, str], new: Mapping[Any, str]) -> Iterator[Change]:
    """The change of a list of other rows, by their names."""
    if old.keys() != new.keys():
        yield Change(field=field, old=_list(old), new=_list(new))


def merged(first: list[Change], then: list[Change]) -> list[Change]:
    """Two saves within one request as one change: from the first old value to the last new one."""
    found = {change["field"]: change for change in first}
    for change in then:
        before = found.get(change["field"])
        old = change["old"] if before is None else before["old"]
        found[change["field"]] = Change(**{**change, "old": old})
    return [change for change in found.values() if change.get("secret") or change["old"] != change["new"]]


def _counts(field: Field) -> bool:
    sets_itself = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return not (field.primary_key or sets_itself or field.name in _NO_CHANGE)


def _value(field: Field, row: models.Model | None) -> Any:
    """Empty is as good as none."""
    found = None if row is None else getattr(row, field.attname)
    return None if found in ("", [], {}) else found


def _change(field: Field, old: models.Model | None, new: models.Model | None) -> Change:
    if is_masked(field):
        return Change(field=field.name, old=None, new=None, secret=True)
    return Change(field=field.name, old=_text(field, old), new=_text(field, new))


def _text(field: Field, row: models.Model | None) -> str | None:
    value = _value(field, row)
    if value is None:
        return None
    if field.is_relation:
        with tolerant():
            value = getattr(row, field.name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return _clipped(mask_text(value.isoformat() if hasattr(value, "isoformat") else str(value)))


def _list(found: Mapping[Any, str]) -> str | None:
    return _clipped(", ".join(sorted(found.values()))) or None


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
