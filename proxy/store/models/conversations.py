"""Conversations: the keys of each turn by month, and a row for each conversation.

Nothing links two turns here: the tree follows from the keys when it is read (docs/decisions/0037-keys-not-links.md).
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from proxy.metrics import DOUBTS
from proxy.price_table import MODEL_LENGTH
from proxy.store.models.money import UsdField
from proxy.store.models.sums import Counters
from proxy.wire.billing.usage import Counts, counts_in

# By what a list of conversations sorts, and how its index is called.
SORTS = {"last_at": "last", "cost_usd": "cost", "turns": "turns", "failed": "failed"}


class Turn(models.Model):
    """An exchange that carries messages, by the keys of its own bytes (`proxy.conversations.keys`); an absent key is null.

    `depth` counts its user runs, `tools` its tools. `request_class`, `compaction` and `agent_type` are the client's hints.
    `answer_id` and `previous_id` are hashes of message ids, in message threads alone. `tool_digests` is msgpack: the calls of its
    answer and the results that its request brings, as `proxy.conversations.findings.tool_calls` has them; empty without any.
    `gives_title` says that it has first words of a person that its conversation may be called by.
    """

    id = models.UUIDField(primary_key=True)
    conversation = models.UUIDField()
    domain = models.CharField(max_length=260)
    depth = models.IntegerField()
    tools = models.IntegerField()
    own = models.BinaryField()
    prev = models.BinaryField(null=True)
    takes = models.BinaryField(null=True)
    gives = models.BinaryField(null=True)
    first = models.BinaryField()
    claim = models.BinaryField(null=True)
    answer_id = models.BinaryField(null=True)
    previous_id = models.BinaryField(null=True)
    request_class = models.CharField(max_length=24)
    compaction = models.CharField(max_length=24)
    agent_type = models.CharField(max_length=60)
    new_words = models.BooleanField()
    gives_title = models.BooleanField()
    tool_digests = models.BinaryField()

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("conversation", "id"), name="turn_conversation"),
            models.Index(fields=("gives",), name="turn_gives"),
            # Few turns have one.
            models.Index(fields=("answer_id",), condition=Q(answer_id__isnull=False), name="turn_answer"),
            models.Index(
                fields=("previous_id",), condition=Q(previous_id__isnull=False), name="turn_previous"
            ),
        )

    def __str__(self) -> str:
        return str(self.id)


class Offer(models.Model):
    """What an answer offers to a conversation that begins later: an agent's call, or a summary, found by `key`."""

    pk = models.CompositePrimaryKey("id", "place")
    id = models.UUIDField()
    place = models.SmallIntegerField()
    kind = models.CharField(max_length=8)
    key = models.BinaryField()
    tool_id = models.CharField(max_length=200)

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("key", "id"), name="offer_key"),)

    def __str__(self) -> str:
        return f"{self.id} {self.kind}"


class SearchText(models.Model):
    """What is new in a turn, for search: hashed `terms`, and the words in zstd, sealed as bodies are."""

    id = models.UUIDField(primary_key=True)
    domain = models.CharField(max_length=260)
    conversation = models.UUIDField()
    terms = ArrayField(models.IntegerField())
    text = models.BinaryField()

    class Meta:
        db_table = "proxy_text"
        default_permissions = ()
        indexes = (
            # A pending list of the default size stalls a batch for half a second when it is worked in. In KiB.
            GinIndex(fields=("terms",), name="text_terms", gin_pending_list_limit=512),
            models.Index(fields=("domain", "id"), name="text_domain"),
        )

    def __str__(self) -> str:
        return str(self.id)


class CacheBreak(models.Model):
    """A turn that read less from the cache than its parent left there. `at` names a tool or a place, never words of people;
    `by_api` says that the API itself gave the cause."""

    id = models.UUIDField(primary_key=True)
    conversation = models.UUIDField()
    domain = models.CharField(max_length=260)
    parent = models.UUIDField()
    lost_tokens = models.BigIntegerField()
    avoidable_usd = UsdField(null=True)
    cause = models.CharField(max_length=32)
    at = models.CharField(max_length=200)
    by_api = models.BooleanField()

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("conversation", "id"), name="cachebreak_conversation"),
            models.Index(fields=("domain", "id"), name="cachebreak_domain"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.cause}"


class Finding(models.Model):
    """A loop, a storm or something slow over `turns`, the last of which is `id`. `sentence` holds no words of people."""

    pk = models.CompositePrimaryKey("id", "place")
    id = models.UUIDField()
    place = models.SmallIntegerField()
    kind = models.CharField(max_length=32)
    conversation = models.UUIDField()
    domain = models.CharField(max_length=260)
    turns = ArrayField(models.UUIDField())
    sentence = models.CharField(max_length=500)

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("conversation", "id"), name="finding_conversation"),
            models.Index(fields=("domain", "id"), name="finding_domain"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.kind}"


class ConversationHour(Counters):
    """One UTC hour of one agent ("" for the main thread) of a conversation, by the time in the ids of its exchanges.

    `id` follows from these three (`proxy.store.sums.hours`) and begins with the hour: it lies in the month of its exchanges.
    """

    id = models.UUIDField(primary_key=True)
    conversation = models.UUIDField()
    agent = models.CharField(max_length=120)
    domain = models.CharField(max_length=260)

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("conversation", "id"), name="conversation_hour"),)

    def __str__(self) -> str:
        return f"{self.conversation} {self.agent}"


class PendingConversation(models.Model):
    """A conversation with turns that nobody has looked at for findings."""

    id = models.UUIDField(primary_key=True)
    changed_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("changed_at",), name="pending_conversation_changed"),)

    def __str__(self) -> str:
        return str(self.id)


class FormerConversation(models.Model):
    """A conversation of the predecessor, by its id there, and one that holds its turns here."""

    pk = models.CompositePrimaryKey("former", "conversation")
    former = models.UUIDField()
    conversation = models.UUIDField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.former)


class Conversation(models.Model):
    """All turns of a session, or of one thread of messages where no session is named; each figure is a sum, a least or a greatest.

    `first_id` and `last_id` are its least and greatest exchange. Of the first come person and client key, of the last its model
    and its context in tokens. `title_id` is the least one that gives a title, null where none does. `model_names` and `agents` hold
    the first by name; `more_models` and `more_agents` say whether there are others. `title` is body content: sealed under the month
    of `title_id`, and gone with that month's bodies.
    """

    id = models.UUIDField(primary_key=True)
    domain = models.CharField(max_length=260)
    session_id = models.CharField(max_length=120)
    first_id = models.UUIDField()
    last_id = models.UUIDField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    turns = models.BigIntegerField()
    failed = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    cost_usd = UsdField()
    unpriced = models.BigIntegerField()
    partial = models.BigIntegerField()
    notional = models.BigIntegerField()
    title_id = models.UUIDField(null=True)
    title = models.BinaryField()
    person = models.CharField(max_length=255)
    client_key = models.CharField(max_length=255)
    model_names = ArrayField(models.CharField(max_length=MODEL_LENGTH))
    more_models = models.BooleanField()
    agents = ArrayField(models.CharField(max_length=120))
    more_agents = models.BooleanField()
    last_model = models.CharField(max_length=MODEL_LENGTH)
    last_context = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("session_id",), name="conversation_session"),
            models.Index(fields=("first_id",), name="conversation_first"),
            *(
                models.Index(fields=(*domain, f"-{column}", "-id"), name=f"conversation_{prefix}{name}")
                for column, name in SORTS.items()
                for domain, prefix in (((), ""), (("domain",), "domain_"))
            ),
        )

    def __str__(self) -> str:
        return self.session_id or str(self.id)

    @property
    def counts(self) -> Counts:
        """The tokens of all turns."""
        return counts_in(self)

    @property
    def cost_state(self) -> str:
        """How far its cost can be trusted: the worst of its turns."""
        return next((doubt.name for doubt in DOUBTS if getattr(self, doubt.name)), "exact")
