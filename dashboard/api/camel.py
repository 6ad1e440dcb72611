"""What all shapes of the API have in common."""

from typing import Any, Self

from ninja import Schema
from ninja.schema import DjangoGetter
from pydantic import ConfigDict, ModelWrapValidatorHandler, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel


class CamelSchema(Schema):
    """Names in Python's style here, in camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="wrap")
    @classmethod
    def _run_root_validator(
        cls, values: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo[Any]
    ) -> Self:
        # A finished shape is ready, and so are its values by name: Ninja would look up each field as a template does, ten
        # times as slowly.
        if isinstance(values, cls):
            return values
        if isinstance(values, dict):
            return handler(values)
        return handler(DjangoGetter(values, cls, info.context))
