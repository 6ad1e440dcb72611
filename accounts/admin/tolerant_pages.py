"""Pages of the admin on which a secret that no key decrypts can be replaced, or its row deleted."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse

from accounts.fields import tolerant


class TolerantPages(admin.ModelAdmin[Any]):
    """Form, history and deletion; the list reads no secret, and its actions are to fail where one is unreadable."""

    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        with tolerant():
            return _rendered(super().changeform_view(*args, **kwargs))

    def delete_view(self, *args: Any, **kwargs: Any) -> Any:
        with tolerant():
            return _rendered(super().delete_view(*args, **kwargs))

    def history_view(self, *args: Any, **kwargs: Any) -> Any:
        with tolerant():
            return _rendered(super().history_view(*args, **kwargs))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        with tolerant():
            return super().get_deleted_objects(objs, request)


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    """Django renders after the view, when the tolerance has ended."""
    return response.render() if isinstance(response, SimpleTemplateResponse) else response
