"""The list's filter by state, which no column holds; what was withdrawn is hidden until it is asked for."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from proxy.store.models import Price
from proxy.store.pricing.states import STATES, states

_ALL = "all"


class StateFilter(admin.SimpleListFilter):
    """Judges the whole table, as a row's state hangs on the others of its model; it is short."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((state, state.capitalize()) for state in STATES), (_ALL, "All, with withdrawn")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Without a choice the list has all but what was withdrawn, and says so."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "Not withdrawn"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Price]) -> QuerySet[Price]:
        wanted = self.value()
        if wanted is None:
            return queryset.filter(withdrawn_at=None)
        if wanted == _ALL:
            return queryset
        known = states(Price.objects.all(), timezone.now())
        return queryset.filter(pk__in=[pk for pk, state in known.items() if state == wanted])


class WhoseFilter(admin.SimpleListFilter):
    """What came with Nexus, and what an operator entered."""

    title = "whose"
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("shipped", "Came with Nexus"), ("operator", "An operator's")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Price]) -> QuerySet[Price]:
        return queryset.filter(shipped=self.value() == "shipped") if self.value() else queryset
