"""Which fields' values an entry may have. A new field of any table of the admin is judged here without a word from you."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models

from accounts.fields import EncryptedTextField
from accounts.models import ClientKey, Credential, Domain
from accounts.secrets.names import is_secret_name
from dashboard.audit.values import Change, changes_between, is_masked, merged

Field = models.Field[Any, Any]
FIELDS = [(model, field) for model in admin.site._registry for field in model._meta.concrete_fields]
SECRETS = {
    (Domain, "slack_webhook_url"),
    (Credential, "api_key"),
    (Credential, "access_token"),
    (Credential, "refresh_token"),
    (Credential, "document"),
    (ClientKey, "digest"),
    (User, "password"),
}


def test_what_is_known_as_a_secret_is_masked() -> None:
    assert {(model, field.name) for model, field in FIELDS if is_masked(field)} >= SECRETS


@pytest.mark.parametrize(("model", "field"), FIELDS, ids=str)
def test_only_plain_values_are_shown(model: type[models.Model], field: Field) -> None:
    if not is_masked(field):
        assert not isinstance(field, EncryptedTextField | models.BinaryField | models.JSONField)
        assert not is_secret_name(field.name)
        assert field.editable or not isinstance(field, models.CharField | models.TextField)


@pytest.mark.parametrize(
    ("field", "masked"),
    [
        (EncryptedTextField(name="note"), True),
        (models.BinaryField(name="note", editable=True), True),
        (models.JSONField(name="note"), True),
        (models.CharField(name="signing_key"), True),
        (models.CharField(name="digest", editable=False), True),
        (type("Sealed", (models.CharField,), {"__module__": __name__})(name="note"), True),
        (models.CharField(name="note"), False),
        (models.BooleanField(name="enabled"), False),
    ],
)
def test_a_new_field_is_masked_unless_its_type_and_name_are_harmless(field: Field, masked: bool) -> None:
    assert is_masked(field) == masked


def test_values_are_texts_and_keys_within_them_are_masked() -> None:
    old = Credential(name="a", account_id="sk-ant-api03-typed-into-the-wrong-field", is_max=False)
    new = Credential(name="a", account_id="", is_max=True, api_key="sk-ant-api03-new")

    assert changes_between(old, new) == [
        Change(field="account_id", old="sk-ant-****", new=None),
        Change(field="api_key", old=None, new=None, secret=True),
        Change(field="is_max", old="no", new="yes"),
    ]
    assert changes_between(old, old) == changes_between(None, None) == []


def test_two_changes_become_one_and_a_change_back_is_none() -> None:
    first = [Change(field="a", old="1", new="2"), Change(field="b", old="x", new="y")]
    then = [Change(field="a", old="2", new="3"), Change(field="b", old="y", new="x")]

    assert merged(first, then) == [Change(field="a", old="1", new="3")]
