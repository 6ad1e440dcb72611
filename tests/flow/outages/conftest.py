"""What a test of an outage breaks."""

from collections.abc import Callable, Iterator

import pytest

from tests.flow.conftest import Nexus


@pytest.fixture(scope="module")
def of_the_module(make_nexus: Callable[..., Nexus]) -> Nexus:
    return make_nexus()


@pytest.fixture
def shared(of_the_module: Nexus) -> Nexus:
    """A system whose processes the test may end; what another has ended runs again. Tests tell their own exchanges by id."""
    for process in (of_the_module.worker, of_the_module.proxy):
        if process.popen.poll() is not None:
            process.start()
    return of_the_module


@pytest.fixture
def own(make_nexus: Callable[..., Nexus]) -> Iterator[Nexus]:
    """A system that the test may break, and that has stored nothing yet."""
    nexus = make_nexus()
    yield nexus
    nexus.proxy.stop()
    nexus.worker.stop()
