"""The admin's form of a price: units in its labels, names one per line, and errors that say what to enter."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from proxy.price_table import BAND, MODEL_LENGTH, RATES
from proxy.store.models import Price
from proxy.store.models.prices import FACTORS

_BANDS = ("band_over_tokens", *(BAND + name for name in RATES))
_SAME = ("model", "aliases", *RATES, *_BANDS, *FACTORS, "web_search")
FIELDS = (*_SAME, "valid_from", "valid_to", "source", "read_on")
_BETWEEN = re.compile(r"[\n,]")


class Names(forms.CharField):
    """Names, one per line or with commas between them."""

    widget = forms.Textarea(attrs={"rows": 6, "cols": 60, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else "\n".join(value)

    def clean(self, value: Any) -> Any:
        typed: str = super().clean(value) or ""
        names = list(dict.fromkeys(name.strip() for name in _BETWEEN.split(typed) if name.strip()))
        if long := [name for name in names if len(name) > MODEL_LENGTH]:
            raise ValidationError(
                f"A name has at most {MODEL_LENGTH} characters; this one has more: {long[0]}"
            )
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        before = initial.splitlines() if isinstance(initial, str) else list(initial or ())
        try:
            return bool(before != self.clean(data))
        except ValidationError:
            return True


class PriceForm(forms.ModelForm[Price]):
    """What the table could not use is refused here, with what to do."""

    aliases = Names(
        required=False,
        help_text="Other ids of this model, one per line or with commas between them. A model's own name beats an alias.",
    )

    class Meta:
        model = Price
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("source", "batch_factor"):
            if name in self.fields:
                self.fields[name].required = False
        for name, field in self.fields.items():
            if isinstance(field, forms.DecimalField):
                field.widget.attrs |= {"min": "0", "class": "amount"}
                self.initial[name] = _short(self.initial.get(name))
        if "source" in self.fields:
            self.fields["source"].widget.attrs["rows"] = 3

    def clean_batch_factor(self) -> Any:
        typed = self.cleaned_data["batch_factor"]
        return Price._meta.get_field("batch_factor").get_default() if typed is None else typed

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        model, aliases = data.get("model"), data.get("aliases") or []
        if model in aliases:
            self.add_error("aliases", f"{model} is the model's own name: leave it out here.")
        others = Price.objects.found().exclude(model=model or "").filter(aliases__overlap=aliases)
        for other in others if model else ():
            shared = next(name for name in aliases if name in other.aliases)
            self.add_error(
                "aliases", f"{shared} is an alias of {other.model} already: keep it for one of them."
            )
            break
        self._band(data)
        return data

    def _band(self, data: dict[str, Any]) -> None:
        """A band takes the place of all rates, so each that the model has is to be there."""
        if data.get("band_over_tokens") is None:
            return
        for name in RATES:
            if (
                data.get(name) is not None
                and data.get(BAND + name) is None
                and BAND + name not in self.errors
            ):
                self.add_error(
                    BAND + name, "Enter the rate of the upper band as well: no rate carries over to it."
                )

    def _get_validation_exclusions(self) -> set[str]:
        # Whether a row is withdrawn says whether its date is free, though nobody edits it here.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # not in its types
        return excluded - {"withdrawn_at"}


def _short(value: Any) -> Any:
    """An amount without zeros at its end."""
    if not isinstance(value, Decimal):
        return value
    return Decimal(int(value)) if value == value.to_integral_value() else value.normalize()


def copy_of(row: Price) -> dict[str, Any]:
    """What the form of a new price begins with: another one's values, from today on."""
    now = timezone.now()
    return {name: getattr(row, name) for name in _SAME} | {
        "valid_from": now.replace(hour=0, minute=0, second=0, microsecond=0),
        "read_on": now.date(),
    }
