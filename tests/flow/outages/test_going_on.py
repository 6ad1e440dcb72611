"""Whatever ends below or beside it, the proxy of `make run` goes on, and what it recorded is stored later."""

import os
import signal
import time

import httpx
import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from tests.flow.services import wait_for
from tests.flow.stack import running_stack

ASK = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.slow
def test_the_proxy_outlives_a_full_redis_a_worker_that_keeps_ending_and_a_killed_postgresql(
    emulator: Running[Emulator],
) -> None:
    with (
        running_stack(emulator.url) as stack,
        httpx.Client(
            base_url=stack.proxy_url, headers={"anthropic-version": "2023-06-01"}, timeout=20
        ) as client,
        stack.redis() as redis,
    ):
        sent = 0

        def ask_until(text: str, seconds: float = 60) -> None:
            nonlocal sent
            until = time.monotonic() + seconds
            while not stack.has_said(text):
                assert time.monotonic() < until, stack.words()
                assert client.post("/v1/messages", json=ASK).status_code == 200
                sent += 1
                time.sleep(0.1)

        redis.config_set("maxmemory", 1)
        ask_until("starting worker again in 2 s")  # its fourth end in a row
        assert "The worker ended" in stack.overview()
        os.kill(stack.pid_of("postgres"), signal.SIGKILL)
        ask_until("PostgreSQL is up again")
        os.kill(stack.pid_of("redis"), signal.SIGKILL)  # which also makes it forget that it is full
        ask_until("Redis is up again")
        wait_for(lambda: stack.pipeline().get("stored") == sent, 90, stack.words)
        assert stack.pipeline()["accepted"] == sent
