"""Receivers of Django's signals: whatever saves a row of the admin's tables is seen, in a form, an action or a command.

A query that updates or inserts many rows at once sends no signal: code that people act by saves row by row.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from dashboard.audit import entries, values
from dashboard.audit.actor import acting
from dashboard.models import GroupDomains

_BEFORE = "_audit_before"


def connect() -> None:
    """Begin to look; called once, when the app is ready."""
    pre_save.connect(_before, dispatch_uid="dashboard.audit.before_save")
    post_save.connect(_saved, dispatch_uid="dashboard.audit.saved")
    # Of these tables alone: where anybody hears of deletions, Django reads each row before it deletes it.
    admin.autodiscover()
    audited: tuple[type[models.Model], ...] = (*admin.site._registry, GroupDomains)
    for model in audited:
        pre_delete.connect(_before, sender=model, dispatch_uid="dashboard.audit.before_delete")
        post_delete.connect(_deleted, sender=model, dispatch_uid="dashboard.audit.deleted")
    m2m_changed.connect(_linked, dispatch_uid="dashboard.audit.linked")
    post_save.connect(_logged, sender=LogEntry, dispatch_uid="dashboard.audit.logged")


def is_audited(model: type[models.Model]) -> bool:
    """Whether people change this table: it is one of the admin's, or stands on the form of another one."""
    return admin.site.is_registered(model) or model is GroupDomains


def _before(sender: type[models.Model], instance: models.Model, raw: bool = False, **_: Any) -> None:
    if acting() and not raw and is_audited(sender):
        setattr(instance, _BEFORE, values.read(sender, instance.pk) if instance.pk else None)


def _saved(sender: type[models.Model], instance: models.Model, raw: bool = False, **_: Any) -> None:
    actor = acting()
    if actor is None or raw or not is_audited(sender):
        return
    old, new = instance.__dict__.pop(_BEFORE, None), values.read(sender, instance.pk)
    changes = values.changes_between(old, new)
    if changes or old is None:
        action = entries.Action.CHANGED if old else entries.Action.ADDED
        entries.keep(actor, new or instance, action, changes)


def _deleted(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    actor = acting()
    if actor and is_audited(sender):
        old = instance.__dict__.pop(_BEFORE, None)
        entries.keep(actor, old or instance, entries.Action.DELETED, values.changes_between(old, None))


def _linked(sender: Any, instance: models.Model, action: str, **_: Any) -> None:
    """Groups of a user, permissions of a group."""
    actor = acting()
    field = next((field for field in instance._meta.many_to_many if _through(field) is sender), None)
    if actor is None or field is None or not is_audited(type(instance)):
        return
    found = {row.pk: str(row) for row in getattr(instance, field.name).all()}
    if action.startswith("pre_"):
        setattr(instance, _BEFORE, found)
        return
    changes = list(values.names(field.name, instance.__dict__.pop(_BEFORE, {}), found))
    if changes:
        entries.keep(actor, instance, entries.Action.CHANGED, changes)


def _through(field: Any) -> Any:
    return field.remote_field.through


def _logged(instance: LogEntry, created: bool, **_: Any) -> None:
    if created:
        entries.keep_message(acting(), instance)
