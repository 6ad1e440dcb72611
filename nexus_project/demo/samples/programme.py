"""Which traffic is sent: the programme once, then single pieces of it for ever."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from anthropic import APIStatusError, BadRequestError, NotFoundError, OverloadedError, RateLimitError

from nexus_project.demo.samples import rarities, scenes
from nexus_project.demo.samples.scenes import refused
from nexus_project.demo.samples.sender import Sender
from nexus_project.demo.samples.session import agent_session


@dataclass(frozen=True, slots=True)
class Scene:
    """A piece of traffic, how often the programme plays it, and its weight in the trickle."""

    title: str
    play: Callable[[Sender, random.Random], None]
    times: int = 1
    weight: int = 0


PROGRAMME = (
    Scene("questions", scenes.question, times=6, weight=10),
    Scene("streamed questions", scenes.streamed_question, times=6, weight=20),
    Scene("thinking", scenes.thinking, times=2, weight=4),
    Scene("tools", scenes.tool_loop, times=3, weight=4),
    Scene("web search and a page of it", scenes.web, weight=1),
    Scene("fast answer", rarities.fast, weight=1),
    Scene("answer from the US", rarities.in_the_us, weight=1),
    Scene("priority tier", rarities.priority, weight=1),
    Scene("long prompt", rarities.long_prompt, weight=1),
    Scene("model declines", rarities.declined("cyber")),
    Scene("model declines, and is paid", rarities.declined("bio")),
    Scene("model declines mid-stream", rarities.declined("reasoning_extraction", size=400), weight=1),
    Scene("another model takes over", rarities.taken_over, times=2, weight=1),
    Scene("conversation summarized", rarities.compacted, weight=1),
    Scene("first version of the API", rarities.first_version, weight=1),
    Scene("agent session with sub-agents", agent_session, weight=1),
    Scene("token counts", scenes.count_tokens, times=2, weight=1),
    Scene("quota probe", scenes.quota_probe, weight=1),
    Scene("list of models", scenes.models),
    Scene("batch", scenes.batch),
    Scene("batch that nobody fetches", scenes.forgotten_batch),
    Scene("client leaves mid-stream", scenes.leaving, weight=1),
    Scene("refused: malformed", refused(BadRequestError, messages=[]), weight=1),
    Scene(
        "refused: not in this version",
        refused(BadRequestError, extra_body={"temperature": 0.2}),
    ),
    Scene("refused: unknown model", refused(NotFoundError, model="claude-no-such-model")),
    Scene("refused: rate limit", refused(RateLimitError, emulate="status=429, retry-after=7"), weight=1),
    Scene(
        "refused: traffic grew too fast",
        refused(RateLimitError, emulate="status=429, error-code=ramp_limit_exceeded, retry-after=30"),
    ),
    Scene("refused: overloaded", refused(OverloadedError, emulate="status=529"), weight=1),
    Scene("error mid-stream", refused(APIStatusError, emulate="error-event-after=6", stream=True), weight=1),
)
SLOW = Scene("slow stream", scenes.slow_stream, weight=8)
