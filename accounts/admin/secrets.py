"""How the admin shows an encrypted column: as an empty input to who may change it, as its last four characters to others."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db import models
from django.http import HttpRequest

from accounts.admin.secret_forms import SecretModelForm, hint, secret_formfield
from accounts.fields import EncryptedTextField

Column = models.Field[Any, Any]


class SecretsAdmin(admin.options.BaseModelAdmin[Any]):
    """Django shows columns that a user may only look at as they are: secrets among them are replaced by their hints."""

    form = SecretModelForm

    def formfield_for_dbfield(
        self, db_field: Column, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        return secret_formfield(db_field) or super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        declared = super().get_fieldsets(request, obj)
        if not self._only_looks(request, obj):
            return declared
        return [
            (title, {**reported, "fields": self._hinted(reported["fields"])}) for title, reported in declared
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        declared = super().get_readonly_fields(request, obj)
        if not self._only_looks(request, obj):
            return declared
        return [
            *declared,
            *(field for field in flatten_fieldsets(self.get_fieldsets(request, obj)) if callable(field)),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.save_instance()

    def _only_looks(self, request: HttpRequest, obj: Any) -> bool:
        return obj is not None and not self.has_change_permission(request, obj)

    def _hinted(self, fields: Any) -> list[Any]:
        secrets = {field.name for field in self.model._meta.fields if isinstance(field, EncryptedTextField)}
        return [
            self._hinted(field)
            if isinstance(field, list | tuple)
            else _hint_of(field)
            if field in secrets
            else field
            for field in fields
        ]


@lru_cache
def _hint_of(name: str) -> Callable[[Any], str]:
    """A column of the admin; the same one at each call, as Django compares them."""

    @admin.display(description=name.replace("_", " ").capitalize())
    def masked(row: Any) -> str:
        return hint(getattr(row, name))

    masked.__name__ = f"masked_{name}"
    return masked
