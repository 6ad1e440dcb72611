"""Rows made without Django's constructor."""

from uuid import UUID

import pytest
from django.db import models
from django.test.utils import isolate_apps

from proxy.store.models import Exchange, ExchangeBody
from proxy.store.postgres.rows import new_row

ID = UUID("0192f0c0-0000-7000-8000-000000000000")


@pytest.mark.parametrize("model", [Exchange, ExchangeBody])
def test_a_row_is_the_one_that_the_constructor_makes(model: type[models.Model]) -> None:
    made, expected = new_row(model, id=ID), model(id=ID)

    names = [field.attname for field in model._meta.concrete_fields]
    assert {name: getattr(made, name) for name in names} == {name: getattr(expected, name) for name in names}
    assert made.pk == ID
    assert made._state.adding
    assert made == expected


def test_rows_share_nothing() -> None:
    first, second = new_row(Exchange, id=ID, domain="a.example"), new_row(Exchange, id=ID)
    first.method = "POST"

    assert (second.domain, second.method) == ("", "")
    assert first._state is not second._state


def test_a_name_that_is_no_column_is_an_error() -> None:
    with pytest.raises(TypeError, match="Exchange has no column domian"):
        new_row(Exchange, id=ID, domian="a.example")


@isolate_apps("proxy")
def test_a_default_that_rows_would_share_is_an_error() -> None:
    class Listed(models.Model):  # noqa: DJ008 - nobody reads its name
        names = models.JSONField(default=list)

        class Meta:
            app_label = "proxy"

    with pytest.raises(TypeError, match=r"Listed\.names has a callable default"):
        new_row(Listed)
