"""The second way for events can be turned off: then every byte goes by `read`, and the client gets the same."""

import pytest
from pytest_django import Settings

from tests.relay.upstream.test_response_body import Sink, chunk, response, start


@pytest.mark.parametrize("direct", [True, False])
async def test_what_comes_while_a_read_waits_goes_to_the_sink_only_where_that_is_on(
    settings: Settings, direct: bool
) -> None:
    settings.EVENTS_DIRECT = direct
    sink = Sink()
    async with response() as (stream, write):
        stream.hand_to(sink)
        reading = start(stream.read())
        await write(chunk(b"first"))
        await write(chunk(b"second") + b"0\r\n\r\n")
        read = await reading
        while not stream.ended:
            read += await stream.read()

    assert b"".join(sink.taken) + read == b"firstsecond"
    assert sink.taken[:1] == ([b"first"] if direct else [])
