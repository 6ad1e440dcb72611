"""Bring the keys of all months under the first master key, so that older master keys are needed no longer."""

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from proxy.store.bodies import data_keys
from proxy.store.bodies.encryption import KeyUnavailable, MasterKeys, master_of
from proxy.store.models import LinkingKey, MonthKey, WrappedKey


@dataclass(frozen=True, slots=True)
class Rotation:
    """What was done, or would be. Master keys are told by their ids; `failed` says why the key of a month stays as it is."""

    master_key: str
    months: int
    rewrapped: list[date]
    removable: list[str]
    failed: dict[date, str]


def rotate(*, dry_run: bool = False) -> Rotation:
    """Wrap each key under the first master key; what it encrypts stays as it is. KeyUnavailable without any."""
    masters = data_keys.masters()
    first = masters.first
    rewrapped: list[date] = []
    failed: dict[date, str] = {}
    with transaction.atomic():
        rows = list(MonthKey.objects.select_for_update().order_by("month"))
        linking = list(LinkingKey.objects.select_for_update())
        for row in [*linking, *rows]:
            if master_of(bytes(row.wrapped)) == first:
                continue
            try:
                row.wrapped = _rewrapped(masters, row)
            except KeyUnavailable as error:
                failed[row.month] = str(error)
                continue
            if isinstance(row, MonthKey):
                rewrapped.append(row.month)
            if not dry_run:
                row.save(update_fields=["wrapped"])
    needed = {master_of(bytes(row.wrapped)) for row in [*linking, *rows]}
    return Rotation(
        first, len(rows), rewrapped, [key for key in masters.ids if key not in {first, *needed}], failed
    )


def _rewrapped(masters: MasterKeys, row: WrappedKey) -> bytes:
    return masters.wrap(masters.unwrap(bytes(row.wrapped), row.month), row.month)
