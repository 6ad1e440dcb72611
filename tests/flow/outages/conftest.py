"""What a test of an outage breaks."""

from collections.abc import Callable, Iterator

import pytest

from tests.flow.conftest import Nexus


@pytest.fixture
def own(make_nexus: Callable[..., Nexus]) -> Iterator[Nexus]:
    """A system that the test may break."""
    nexus = make_nexus()
    yield nexus
    nexus.proxy.stop()
    nexus.worker.stop()
