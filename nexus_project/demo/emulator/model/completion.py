"""What a model gives back, and what the API did to get it."""

from dataclasses import dataclass

from nexus_project.demo.emulator.api.call import Json
from nexus_project.demo.emulator.model.tokens import InputTokens
from nexus_project.demo.emulator.model.usage import Step


@dataclass(frozen=True, slots=True)
class Completion:
    """The content of an answer and why it stopped.

    `output` are the tokens that it took the model, `thinking` those of them that were thought; `web` is how often it
    used each web tool.
    """

    blocks: tuple[Json, ...]
    stop_reason: str
    output: int
    thinking: int = 0
    web: tuple[str, ...] = ()
    stop_details: Json | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A reply with the model that gave it and the prompt that it read.

    `before` are the other calls of models that it took; `own` is the type under which the serving call stands beside
    them in `usage.iterations`, "" where there was none.
    """

    model: str
    completion: Completion
    charged: InputTokens
    before: tuple[Step, ...] = ()
    own: str = ""
