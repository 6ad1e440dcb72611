"""Form fields for secrets: they go in and never come out. Empty keeps what is stored, a lone hyphen removes it."""

from typing import Any

from django import forms
from django.db import models

from accounts.fields import EncryptedTextField, Unreadable

REMOVE = "-"
LOST = (
    "No key of FIELD_ENCRYPTION_KEYS decrypts what is stored: put the key that wrote it back into the list, or type it anew. With "
    "the first new secret, what is unreadable of this row is given up."
)


class SecretField(forms.CharField):
    """A password input that is always shown empty."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"})
        super().__init__(required=False, widget=widget, **kwargs)

    def has_changed(self, initial: object, data: object) -> bool:
        return bool(data)


class SecretModelForm(forms.ModelForm[Any]):
    """A model form whose encrypted columns are SecretFields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unreadable = unreadable_columns(self.instance)
        for name in self._secret_names():
            self.initial.pop(name, None)
            stored = getattr(self.instance, name)
            self.fields[name].help_text = describe(stored, self.fields[name].help_text)

    def _secret_names(self) -> list[str]:
        return [name for name, field in self.fields.items() if isinstance(field, SecretField)]

    def clean(self) -> dict[str, Any]:
        """Put the stored value where nothing was typed."""
        data = super().clean() or self.cleaned_data
        for name in self._secret_names():
            typed = data.get(name, "")
            if typed == REMOVE:
                data[name] = ""
            elif not typed:
                data[name] = getattr(self.instance, name)
        return data

    def save(self, commit: bool = True) -> Any:
        """As Django saves, but what nobody changed is not written."""
        instance = super().save(commit=False)
        if commit:
            self.save_instance()
            self.save_m2m()
        return instance

    def save_instance(self) -> None:
        """Write a new row, or the changed columns of a known one: another process may have refreshed the others."""
        if self.instance._state.adding:
            self.instance.save()
        else:
            self.instance.save(update_fields=self.columns_to_save())

    def columns_to_save(self) -> set[str]:
        """The columns that this form changes; a new secret takes the place of all that is unreadable, or the row would stay so."""
        changed = set(self.changed_data) & set(self.fields)
        return changed | self._unreadable if changed & set(self._secret_names()) else changed


def describe(stored: str, purpose: object) -> str:
    """What a person needs to know of a secret: whether there is one, and how it ends."""
    if isinstance(stored, Unreadable):
        return f"{purpose} {LOST}".strip()
    if not stored:
        return f"{purpose} Not set.".strip()
    return f"{purpose} Set ({hint(stored)}). Empty keeps it, a single - removes it.".strip()


def hint(stored: str) -> str:
    """The last four characters, where they give away no substantial part."""
    if isinstance(stored, Unreadable):
        return "unreadable"
    return f"…{stored[-4:]}" if len(stored) > 12 else "a short value" if stored else "not set"


def unreadable_columns(row: models.Model) -> set[str]:
    """The encrypted columns of a row, read where that is `tolerant`, that no key decrypts."""
    names = {field.name for field in row._meta.concrete_fields if isinstance(field, EncryptedTextField)}
    return {name for name in names if isinstance(getattr(row, name), Unreadable)}


def secret_formfield(field: models.Field[Any, Any]) -> SecretField | None:
    """The form field of an encrypted column, None for any other."""
    if not isinstance(field, EncryptedTextField):
        return None
    return SecretField(label=str(field.verbose_name).capitalize(), help_text=field.help_text)
