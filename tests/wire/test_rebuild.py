"""A message rebuilt from its stream: the short way of deltas that are nothing but text finds what the long one does."""

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.rebuild import Rebuilder
from proxy.wire.sse import Event

texts = st.none() | st.text(max_size=5) | st.just("\ud83d") | st.integers() | st.lists(st.text(max_size=2))
kinds = st.sampled_from(
    ["text_delta", "thinking_delta", "input_json_delta", "compaction_delta", "signature_delta", "new", None]
)
deltas = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "text": texts,
        "thinking": texts,
        "partial_json": texts,
        "content": texts,
        "signature": texts,
        "more": texts,
    },
)
bodies = st.fixed_dictionaries(
    {"type": st.sampled_from(["content_block_delta", "message_stop", None]), "delta": deltas | texts},
    optional={"index": st.integers(-1, 2) | st.text(max_size=1) | st.booleans()},
)


@given(st.lists(bodies, max_size=8))
def test_deltas_of_any_kind_are_read_alike_by_both_ways(written: list[dict[str, object]]) -> None:
    data = [json.dumps(body).encode() for body in written]
    short, long = Rebuilder(), Rebuilder()

    short.add(Event("content_block_delta", one) for one in data)
    # Where the type is told, the name counts for nothing but the way.
    long.add(
        Event("message" if body["type"] else "content_block_delta", one)
        for body, one in zip(written, data, strict=True)
    )

    assert (short.message(), short.finished) == (long.message(), long.finished)
