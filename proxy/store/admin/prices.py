"""Prices in the admin: a new price takes over from a date, an edit changes bills, and none is deleted, as exchanges name it."""

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize, slugify
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from proxy.price_table import BAND, RATES
from proxy.store.admin.price_filter import StateFilter, WhoseFilter
from proxy.store.admin.price_form import PriceForm, copy_of
from proxy.store.ingest import unpriced
from proxy.store.models import Price
from proxy.store.pricing.pending import pending
from proxy.store.pricing.reconcile import NOTES
from proxy.store.pricing.states import states

USUAL_BATCH = Decimal("0.5")
TITLE = "Prices: USD per million tokens"
THEIRS = "It is yours now: no upgrade of Nexus changes it, or adds a price of its model while it holds."
_RATE_ROWS = (("input", "output"), ("cache_read", "cache_write_5m", "cache_write_1h"))


def _rate(name: str, title: str) -> Any:
    @admin.display(description=title, ordering=name)
    def shown(row: Price) -> str:
        return _plain(getattr(row, name))

    shown.__name__ = f"{name}_shown"
    return shown


def _plain(value: Any) -> str:
    return "-" if value is None else f"{value.normalize():f}"


class PriceAdmin(admin.ModelAdmin[Price]):
    form = PriceForm
    list_display = (
        "state", "whose", "model", "begins", "ends", *map(_rate, RATES, ("Input", "Output", "Read", "Write 5m", "Write 1h")),
        "band", "factors",
    )  # fmt: skip
    list_display_links = ("model",)
    list_filter = (StateFilter, WhoseFilter, "model")
    list_per_page = 200
    search_fields = ("model", "aliases")
    actions = ("withdraw",)
    fieldsets = (
        (None, {"fields": ("model", "aliases", ("valid_from", "valid_to"))}),
        (
            "Rates",
            {
                "fields": _RATE_ROWS,
                "description": "Empty where a rate is not known: such tokens are in no cost.",
            },
        ),
        (
            "Upper band",
            {
                "fields": (
                    "band_over_tokens",
                    *(tuple(BAND + name for name in row) for row in _RATE_ROWS),
                ),
                "description": "A model call whose prompt (input, cache reads and writes) is larger costs these rates for all of"
                " its tokens. Empty for a model with one rate for any size.",
            },
        ),
        ("Factors", {"fields": (("fast_factor", "us_factor", "batch_factor"),)}),
        ("Server tools", {"fields": ("web_search",)}),
        ("Where it was read", {"fields": ("source", "read_on")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """What was withdrawn stays as it was: only exchanges of then name it."""
        return super().has_change_permission(request, obj) and not (obj and obj.withdrawn_at)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?from=ID` begins with a copy of that price."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        asked = str(initial.pop("from", ""))
        row = (
            Price.objects.filter(pk=asked).first()
            if asked.isascii() and asked.isdigit() and len(asked) < 19
            else None
        )
        return copy_of(row) | initial if row else initial

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, (extra_context or {}) | {"title": TITLE})

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page's lines, each with its state."""
        changes = super().get_changelist_instance(request)
        known = states(Price.objects.all(), timezone.now())
        rows: list[Any] = list(changes.result_list)
        for row in rows:
            row.state_now = known[row.pk]
        changes.result_list = rows
        return changes

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        """What was edited is no longer what came with Nexus; say what is to be done about requests of before."""
        taken = obj.shipped and bool(form.changed_data)
        obj.shipped = obj.shipped and not taken
        if change and set(form.changed_data) <= set(NOTES):
            obj.save(update_fields=(*form.changed_data, "shipped"))
        else:
            super().save_model(request, obj, form, change)
        if taken:
            self.message_user(request, THEIRS, messages.INFO)
        self._say_what_is_left(request)

    @admin.action(description="Withdraw the selected prices", permissions=("change",))
    def withdraw(self, request: HttpRequest, chosen: QuerySet[Price]) -> None:
        """No upgrade brings back what an operator withdrew."""
        rows = list(chosen.filter(withdrawn_at=None))
        for row in rows:
            row.shipped = False
            row.withdraw()
            self.log_change(request, row, "Withdrawn.")
        reported = f"{len(rows)} price{pluralize(len(rows))} withdrawn: no request is priced by what was withdrawn from now on."
        self.message_user(request, reported, messages.SUCCESS if rows else messages.WARNING)
        self._say_what_is_left(request)

    def _say_what_is_left(self, request: HttpRequest) -> None:
        if left := pending():
            self.message_user(request, left.words, messages.WARNING)
        if waiting := unpriced.waiting():
            reported = (
                f"{waiting:,} requests count as unpriced. Run `manage.py reprice` to compute their cost."
            )
            self.message_user(request, reported, messages.WARNING)

    @admin.display(description="State")
    def state(self, row: Any) -> SafeString:
        return format_html('<span class="state state-{}">{}</span>', slugify(row.state_now), row.state_now)

    @admin.display(description="From", ordering="valid_from")
    def begins(self, row: Price) -> str:
        return _day(row.valid_from)

    @admin.display(description="To", ordering="valid_to")
    def ends(self, row: Price) -> str:
        return _day(row.valid_to) if row.valid_to else "-"

    @admin.display(description="Upper band", ordering="band_over_tokens")
    def band(self, row: Price) -> str:
        return "-" if row.band_over_tokens is None else f"over {row.band_over_tokens:,}"

    @admin.display(description="Factors")
    def factors(self, row: Price) -> str:
        """Those of a model's modes; of batches only where it is not the usual half."""
        batch = None if row.batch_factor == USUAL_BATCH else row.batch_factor
        known = (("fast", row.fast_factor), ("US", row.us_factor), ("batch", batch))
        return ", ".join(f"{name} {_plain(value)}" for name, value in known if value is not None) or "-"

    @admin.display(description="Whose", ordering="shipped")
    def whose(self, row: Price) -> str:
        return "shipped" if row.shipped else "operator"


def _day(moment: Any) -> str:
    """As a date where it is midnight (UTC), as nearly all are."""
    return f"{moment:%Y-%m-%d}" if moment.time() == moment.min.time() else f"{moment:%Y-%m-%d %H:%M}"
