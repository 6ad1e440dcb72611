"""Structs whose fields follow the table of metrics."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from proxy.store.metric_fields import Fields, types


class WithMetrics(msgspec.Struct, rename="camel"):
    """A struct in camelCase, of which types cannot say every field: the table of metrics does."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


Shape = TypeVar("Shape", bound=WithMetrics)


def with_metrics(**after: Fields) -> Callable[[type[Shape]], type[Shape]]:
    """Give a struct fields of metrics, each group behind the field of its name, as the API has them."""

    def made_once_more(shape: type[Shape]) -> type[Shape]:
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        for field in msgspec.structs.fields(shape):
            fields.append((field.name, field.type, msgspec.field(name=field.encode_name)))
            fields += types(after.get(field.name, ())).items()
        made = msgspec.defstruct(
            shape.__name__,
            fields,
            bases=shape.__bases__,
            module=shape.__module__,
            namespace={"__doc__": shape.__doc__},
            rename="camel",
        )
        return cast(type[Shape], made)

    return made_once_more
