"""Columns of money."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class UsdField(models.DecimalField[Any, Any]):
    """USD as `numeric` without a scale: a single token of a cheap model costs less than any fixed number of digits holds.

    What Nexus writes has at most 12 digits behind the point (`proxy.wire.billing.pricing`).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 36, "decimal_places": 12, **options})

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "numeric"
