"""Shapes whose fields follow the table of metrics."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from ninja import Field
from pydantic import create_model

from dashboard.api.shapes.camel import CamelSchema
from proxy.store.metric_fields import Fields, types

Shape = TypeVar("Shape", bound=CamelSchema)
EXACT = "The same as an exact decimal"


def with_metrics(*, exact: str = "", **after: Fields) -> Callable[[type[Shape]], type[Shape]]:
    """Give a shape fields of metrics, each group behind the field of its name; `exact` describes amounts as exact decimals.

    They stand where readers have always found them: the shape is made once more, all its own fields in order.
    """

    def made_once_more(shape: type[Shape]) -> type[Shape]:
        fields: dict[str, Any] = {}
        for name, info in shape.model_fields.items():
            if name in shape.__annotations__:
                fields[name] = (info.annotation, info)
            fields |= _declared(after.get(name, ()), exact)
        return cast(
            type[Shape],
            create_model(
                shape.__name__,
                __base__=shape.__base__,
                __module__=shape.__module__,
                __doc__=shape.__doc__,
                **fields,
            ),
        )

    return made_once_more


def _declared(fields: Fields, exact: str) -> dict[str, Any]:
    amounts = {field.exact_name for field in fields if field.exact_name}
    return {
        name: (kind, Field(description=exact)) if exact and name in amounts else (kind, ...)
        for name, kind in types(fields).items()
    }
