"""What the bench says of the machine."""

import sys
import sysconfig

import pytest

from tests.bench import machine


@pytest.mark.parametrize(
    ("prefix", "arguments", "slow"),
    [
        ("/usr", "", False),
        ("/opt/python", "--enable-shared", True),
        ("/opt/python", "--enable-optimizations", False),
    ],
)
def test_a_python_without_optimizations_is_told(
    monkeypatch: pytest.MonkeyPatch, prefix: str, arguments: str, slow: bool
) -> None:
    monkeypatch.setattr(sys, "base_prefix", prefix)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: arguments)

    assert bool(machine.unoptimized_python()) is slow
