"""What the page of one request shows, worked out of its stored parts on demand."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from accounts.secrets.masking import mask_text
from dashboard.drawing.timeline import Timeline, draw
from dashboard.pages.request.gauges import Gauge, gauges_of
from dashboard.pages.request.served import Fact, counted_of, facts_of
from dashboard.queries.exchanges import Details
from dashboard.templatetags.nexus import words
from dashboard.transcript import batch_results, bodies, turns
from dashboard.transcript.batch_results import BatchResults
from dashboard.transcript.blocks import Block
from dashboard.transcript.bodies import readable
from proxy.store.ingest.message_batches import usage_of
from proxy.wire.lenient import parse
from proxy.wire.messages import ResponseContent, read_response

VIEWS = {"conversation": "Conversation", "raw": "Raw JSON", "headers": "Headers & timeline"}
_NO_RESPONSE = {
    "client_left": "The client left before an answer came.",
    "aborted": "The proxy stopped or was killed before an answer came.",
}
# Of a larger request what came before is read on demand.
MAX_UNFOLDED = 64 * 1024
BATCH_VIEWS = VIEWS | {"conversation": "Results"}


@dataclass(frozen=True)
class RequestPage:
    """The three parts of the page; bodies are parsed once."""

    details: Details

    @cached_property
    def request(self) -> bytes:
        """Its body without a content coding, b"" where nobody has it."""
        return readable(self.details.request, self.details.headers.request)

    @cached_property
    def response_body(self) -> bytes:
        """The body that came back, likewise."""
        return readable(self.details.response, self.details.headers.response)

    @property
    def views(self) -> dict[str, str]:
        return BATCH_VIEWS if self.batch else VIEWS

    @cached_property
    def batch(self) -> BatchResults | None:
        """The results of a batch, None where the request fetched none."""
        usage = usage_of(self.details.exchange)
        return batch_results.shown(usage, self.response_body) if usage else None

    @cached_property
    def response(self) -> ResponseContent:
        if self.batch:
            return ResponseContent()  # a line for each result, and no message: it may be huge
        content_type = bodies.header(self.details.headers.response, "content-type")
        return read_response(self.details.exchange.status, content_type, self.response_body)

    @cached_property
    def conversation(self) -> turns.Conversation:
        return turns.read(parse(self.request), self.response, folds=len(self.request) > MAX_UNFOLDED)

    def earlier(self, until: int) -> turns.Earlier:
        """What a large request leaves out at first: a stretch of what came before a message."""
        return turns.earlier(parse(self.request), until)

    def blocks_of(self, number: int) -> list[Block]:
        """All of one message."""
        return turns.blocks_of(parse(self.request), number)

    @property
    def message(self) -> object:
        """The message rebuilt from a stream; None where the answer was no stream."""
        return self.response.message if self.response.streamed else None

    @property
    def gauges(self) -> list[Gauge]:
        return gauges_of(self.details.headers.response, self.details.exchange.started_at)

    @cached_property
    def timeline(self) -> Timeline | None:
        return draw(self.details.chunks, self.details.exchange.duration_ms)

    @cached_property
    def served(self) -> list[Fact]:
        return facts_of(self.details.exchange, self.details.bill)

    @property
    def counted(self) -> list[Fact]:
        return counted_of(self.details.exchange, self.output_per_second)

    @property
    def no_response(self) -> str:
        """Why it has no status."""
        outcome = self.details.exchange.outcome
        return _NO_RESPONSE.get(outcome, f"No answer came; it ended as {words(outcome)}.")

    @property
    def error_type(self) -> str:
        return mask_text(self.details.exchange.error_type)

    @property
    def error_message(self) -> str:
        return mask_text(self.details.exchange.error_message)

    @property
    def tools(self) -> list[tuple[str, int]]:
        """The tools that the answer calls, the most called first."""
        return Counter(mask_text(name) for name in self.details.exchange.tool_names).most_common()

    @property
    def request_line(self) -> str:
        """Method and target; the record holds the query masked already."""
        exchange = self.details.exchange
        target = f"{exchange.path}?{exchange.query}" if exchange.query else exchange.path
        return mask_text(f"{exchange.method} {target}")

    @property
    def request_headers(self) -> list[tuple[str, str]]:
        return [(name, mask_text(value)) for name, value in self.details.headers.request]

    @property
    def response_headers(self) -> list[tuple[str, str]]:
        return [(name, mask_text(value)) for name, value in self.details.headers.response]

    @property
    def output_per_second(self) -> float | None:
        """Output tokens per second between the first byte and the end; None where it says nothing."""
        exchange = self.details.exchange
        if not exchange.streamed or not exchange.output_tokens or exchange.first_byte_ms is None:
            return None
        seconds = (exchange.duration_ms - exchange.first_byte_ms) / 1000
        return exchange.output_tokens / seconds if seconds > 0.05 else None
