"""How many tokens a stream has brought, before the API says so."""

from proxy.relay.capture.estimate import OutputEstimate

DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"%b"}}\n\n'
)


def test_nothing_seen_is_nothing() -> None:
    assert OutputEstimate().tokens(1000) == 0


def test_the_text_counts_and_what_stands_around_it_does_not() -> None:
    estimate = OutputEstimate()
    body = b"".join(DELTA % (b"x" * 40) for _ in range(100))
    estimate.see(b"event: ping\ndata: {}\n\n")

    estimate.see(body)

    assert 900 < estimate.tokens(len(body)) <= 1050


def test_what_nobody_watched_counts_as_what_was_seen() -> None:
    estimate = OutputEstimate()
    body = DELTA % (b"x" * 400)

    estimate.see(body)

    assert estimate.tokens(10 * len(body)) // 10 == estimate.tokens(len(body)) > 90
