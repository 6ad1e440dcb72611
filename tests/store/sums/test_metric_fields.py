"""Each metric has its field in every shape that describes an exchange, a turn, a conversation or a model."""

import dataclasses
from typing import Any

import msgspec
import pytest

from dashboard.api.registry import api
from proxy.live_events import Event
from proxy.metric_names import CONVERSATION_COLUMNS, EXCHANGE_NAMES, LIVE_NAMES
from proxy.metrics import BILLED, BY_NAME, METRICS, Metric, Unit
from proxy.store.models import Conversation, Exchange
from proxy.store.transcripts import shapes
from proxy.wire.batches import Results, Share
from proxy.wire.billing.usage import COUNT_COLUMNS, USAGE_NAMES, Usage

TOKENS = [name for name in BILLED if BY_NAME[name].unit is Unit.TOKENS]
OF_EXCHANGE = [metric for metric in METRICS if metric.exchange_name]
OF_TURN = [
    metric for metric in OF_EXCHANGE if metric.column and (metric.shown or metric.name == "duration_ms")
]
OF_CONVERSATION = [BY_NAME[name] for name in CONVERSATION_COLUMNS if not BY_NAME[name].tag]
API_SHAPES = {
    "RequestSummary": OF_EXCHANGE,
    "RequestDetails": OF_EXCHANGE,
    "ConversationTurn": OF_TURN,
    "ConversationSummary": OF_CONVERSATION,
    "ConversationDetails": OF_CONVERSATION,
    "ConversationAgent": [BY_NAME["cost_usd"]],
    "BilledModel": [BY_NAME[name] for name in TOKENS],
}
EXPORTED: dict[Any, list[Metric]] = {
    shapes.TurnFacts: OF_TURN,
    shapes.Turn: OF_TURN,
    shapes.Sums: OF_CONVERSATION,
    shapes.Summary: OF_CONVERSATION,
}


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def field_of(metric: Metric) -> str:
    return camel(metric.exchange_name or CONVERSATION_COLUMNS[metric.name])


@pytest.mark.parametrize("shape", API_SHAPES)
def test_a_shape_of_the_api_has_the_field_of_each_metric(shape: str) -> None:
    fields = api.get_openapi_schema()["components"]["schemas"][shape]["properties"]

    assert {field_of(metric) for metric in API_SHAPES[shape]} <= fields.keys()
    assert shape == "BilledModel" or {"costUsd", "cost"} <= fields.keys()


@pytest.mark.parametrize("shape", EXPORTED)
def test_an_export_has_the_same_fields(shape: type[Any]) -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(shape)}

    assert {field_of(metric) for metric in EXPORTED[shape]} <= fields
    assert {"costUsd", "cost"} <= fields


def test_the_fields_that_clients_knew_keep_their_order() -> None:
    fields = [*api.get_openapi_schema()["components"]["schemas"]["RequestSummary"]["properties"]]

    assert fields == [
        "requestId", "domain", "accountId", "model", "timestamp", "inputTokens", "outputTokens", "totalTokens",
        "cacheReadInputTokens", "cacheCreationInputTokens", "durationMs", "responseStatus", "outcome", "error",
        "requestType", "toolCallCount", "costUsd", "cost", "costState",
    ]  # fmt: skip


def test_what_may_be_unknown_is_null_and_all_else_is_there() -> None:
    summary = api.get_openapi_schema()["components"]["schemas"]["RequestSummary"]["properties"]
    nullable = {name for name, field in summary.items() if {"type": "null"} in field.get("anyOf", ())}
    columns = {metric.column for metric in OF_EXCHANGE if metric.column}

    assert {field_of(metric) for metric in OF_EXCHANGE} & nullable == {
        field_of(BY_NAME[column]) for column in columns if Exchange._meta.get_field(column).null
    }


def test_tokens_of_an_exchange_are_called_as_in_usage() -> None:
    assert [EXCHANGE_NAMES[name] for name in COUNT_COLUMNS] == [*USAGE_NAMES]


# These stand in files and rows that earlier versions wrote, and read what later ones write: their fields are written out, in an
# order that stays, and only this says that none is forgotten.
@pytest.mark.parametrize("shape", [Share, Results])
def test_what_is_stored_of_a_batch_has_every_kind_of_tokens(shape: type[msgspec.Struct]) -> None:
    assert [name for name in TOKENS if name not in shape.__struct_fields__] == []


# The wire is pure: it knows no table of metrics.
def test_what_is_read_of_an_answer_has_every_kind_of_tokens() -> None:
    fields = {field.name for field in dataclasses.fields(Usage)}

    assert {*TOKENS} <= fields


def test_an_event_of_a_stream_has_what_live_pages_show_of_it() -> None:
    """A frozen shape, as it crosses from proxies of one version to pages of another."""
    assert {*LIVE_NAMES} <= BY_NAME.keys()
    assert {*LIVE_NAMES.values()} <= Event.__required_keys__


def test_a_conversation_has_a_column_for_each_of_its_sums() -> None:
    """Its row and the function that counts it anew are migrations: what it sums up is chosen, and each choice is stored."""
    columns = {field.attname for field in Conversation._meta.concrete_fields}

    assert {*CONVERSATION_COLUMNS.values()} <= columns
    assert {*BILLED, *(metric.name for metric in METRICS if metric.tag)} <= CONVERSATION_COLUMNS.keys()
