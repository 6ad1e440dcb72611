"""Traffic without end: one or two requests a second, slow streams among them."""

import random
from threading import BoundedSemaphore, Event, Thread

from anthropic import APIError

from nexus_project.demo.samples.programme import PROGRAMME, SLOW, Scene
from nexus_project.demo.samples.scenes import UnexpectedResponseError
from nexus_project.demo.samples.sender import Sender

MOST_AT_ONCE = 24
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.4, 1.2


def trickle(sender: Sender, source: random.Random, stop: Event) -> None:
    """Play random scenes until `stop` is set; what is running then is left to end with the process."""
    scenes = (*PROGRAMME, SLOW)
    weights = [scene.weight for scene in scenes]
    positions = BoundedSemaphore(MOST_AT_ONCE)
    while not stop.wait(source.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)):
        scene = source.choices(scenes, weights)[0]
        if positions.acquire(blocking=False):
            own = random.Random(source.random())
            # A daemon thread: a stream of 20 s must not hold up the end.
            Thread(target=_play, args=(scene, sender, own, positions), daemon=True).start()


def _play(scene: Scene, sender: Sender, source: random.Random, positions: BoundedSemaphore) -> None:
    try:
        scene.play(sender, source)
    except (APIError, UnexpectedResponseError):
        # A restart of the proxy, or an answer that it gives on purpose: the trickle goes on either way.
        return
    finally:
        positions.release()
