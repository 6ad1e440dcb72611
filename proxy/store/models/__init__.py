"""The tables of the record, one kind a module.

Read `traffic`, which is partitioned by month, then `sums` and `prices`; docs/architecture.md#tables says what each table holds.
"""

from proxy.price_table import MODEL_LENGTH
from proxy.store.models.breakdowns import Breakdown, DayBreakdown
from proxy.store.models.conversations import (
    SORTS,
    CacheBreak,
    Conversation,
    ConversationHour,
    Finding,
    FormerConversation,
    Offer,
    PendingConversation,
    SearchText,
    Turn,
)
from proxy.store.models.ids import CLOCK_SLACK, id_floor, moment_of, month_of
from proxy.store.models.keeping import DroppedMonth, Pin
from proxy.store.models.money import UsdField
from proxy.store.models.prices import MessageBatch, Price, Repricing, UnpricedModel
from proxy.store.models.results import ResultsReader
from proxy.store.models.spools import DeadLetter, Spool
from proxy.store.models.sums import Counters, DayRollup, DomainTotal, Rollup, Spend
from proxy.store.models.tools import CountedTools, ToolDay, ToolHour
from proxy.store.models.traffic import (
    Blob,
    Exchange,
    ExchangeBody,
    ExchangeQuerySet,
    LinkingKey,
    MonthKey,
    Receipt,
    WrappedKey,
)
from proxy.store.models.windows import WindowSample

__all__ = [
    "CLOCK_SLACK",
    "MODEL_LENGTH",
    "SORTS",
    "Blob",
    "Breakdown",
    "CacheBreak",
    "Conversation",
    "ConversationHour",
    "CountedTools",
    "Counters",
    "DayBreakdown",
    "DayRollup",
    "DeadLetter",
    "DomainTotal",
    "DroppedMonth",
    "Exchange",
    "ExchangeBody",
    "ExchangeQuerySet",
    "Finding",
    "FormerConversation",
    "LinkingKey",
    "MessageBatch",
    "MonthKey",
    "Offer",
    "PendingConversation",
    "Pin",
    "Price",
    "Receipt",
    "Repricing",
    "ResultsReader",
    "Rollup",
    "SearchText",
    "Spend",
    "Spool",
    "ToolDay",
    "ToolHour",
    "Turn",
    "UnpricedModel",
    "UsdField",
    "WindowSample",
    "WrappedKey",
    "id_floor",
    "moment_of",
    "month_of",
]
