"""What a test of an outage breaks."""

from collections.abc import Callable, Iterator

import pytest

from tests.flow.conftest import Nexus
from tests.flow.services import stop_all


@pytest.fixture
def own(make_nexus: Callable[..., Nexus]) -> Iterator[Nexus]:
    """A system that the test may break."""
    nexus = make_nexus()
    yield nexus
    stop_all([nexus.proxy, nexus.worker])
