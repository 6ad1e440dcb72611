"""The block that stands in an answer where the model that was asked declined and another one took over."""

from proxy.wire.lenient import as_dict, as_text


def fallback_model(block: dict[str, object]) -> str | None:
    """The model that answers from this block on; None for any other block."""
    return as_text(as_dict(block.get("to")).get("model")) if block.get("type") == "fallback" else None
