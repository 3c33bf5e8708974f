"""Who sends what, and who stands still meanwhile: two that are broken at every step, and days drawn from seeds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.deployment import DESTINATIONS
from tests.faults.messages import POISONOUS, ROUTES, Message, admission, measurement, merge, result


class Pause(NamedTuple):
    """A person stops an interface or a destination, and lets it go on later.

    Attributes:
        name: Of an interface (`ROUTES`) or of a destination (`DESTINATIONS`).
        begins: When it is ordered, in seconds of virtual time.
        seconds: How long it stands still.
    """

    name: str
    begins: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """What each sender sends, in order.

    Attributes:
        copies: Control ids of messages that are sent a second time, after everything else of their sender.
        outages: Of destinations, in seconds of virtual time.
        late: What one more sender sends, when every order to stand still has reached every worker.
    """

    name: str
    senders: tuple[tuple[Message, ...], ...]
    copies: frozenset[str] = frozenset()
    outages: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    pauses: tuple[Pause, ...] = ()
    late: tuple[Message, ...] = ()


def small() -> Scenario:
    """Return every kind of HL7 message once, most of them about one person."""
    ward = (admission("ward", "W1", 1), admission("ward", "W2", 2), admission("ward", "W3", 1), merge("M1", 1, 2))
    ward += (admission("ward", "W4", 2),)
    desk = (admission("desk", "D1", 1), admission("desk", POISONOUS, 9))
    return Scenario("small", (ward, (result("L1", 1),), desk), frozenset({"W1"}))


def paused() -> Scenario:
    """Return what is held: the desk and a destination stand still from the first on, and FHIR comes in behind."""
    late = (admission("desk", "D1", 1), measurement("A2", 2, beside=1))
    pauses = (Pause("desk", 0.0, 20.0), Pause("keyed", 0.0, 40.0))
    return Scenario("paused", ((measurement("A1", 1),),), frozenset({"A1"}), pauses=pauses, late=late)


EXHAUSTED: dict[str, Callable[[], Scenario]] = {"small": small, "paused": paused}


def full(seed: str, size: int = 200) -> Scenario:
    """Return a day of this many messages: eight persons that all senders know, and many of one message each."""
    chance = random.Random(f"{seed} scenario")
    sent: dict[str, list[Message]] = {source: [] for source in ROUTES}
    sent["desk"].append(admission("desk", POISONOUS, 99))
    for number in range(size - 3):
        message = _any_message(chance, number)
        sent[message.source].append(message)
    for number, (survivor, prior) in enumerate(((1, 2), (3, 4))):
        sent["ward"].insert(chance.randrange(len(sent["ward"])), merge(f"M{number}", survivor, prior))
    chance.shuffle(sent["desk"])
    copies = frozenset(one.control_id for one in chance.sample(sent["ward"] + sent["lab"] + sent["app"], size // 10))
    late = sent["app"][1::2]
    del sent["app"][1::2]
    outages = {name: [_outage(chance)] for name in DESTINATIONS if name != "store" and chance.random() < 0.5}
    pauses = tuple(Pause(name, *_while(chance)) for name in (*ROUTES, *DESTINATIONS) if chance.random() < 0.2)
    return Scenario(f"full {seed}", tuple(map(tuple, sent.values())), copies, outages, pauses, tuple(late))


def _any_message(chance: random.Random, number: int) -> Message:
    person = chance.randrange(1, 9) if chance.random() < 0.7 else 1000 + number
    match chance.choice(("ward", "ward", "lab", "desk", "app")):
        case "lab":
            return result(f"L{number}", person)
        case "app":
            beside = chance.randrange(1, 9) if chance.random() < 0.2 else 0
            return measurement(f"A{number}", person, beside if beside != person else 0)
        case source:
            return admission(source, f"{source[0].upper()}{number}", person)


def _outage(chance: random.Random) -> tuple[float, float]:
    begins, seconds = _while(chance)
    return begins, begins + seconds


def _while(chance: random.Random) -> tuple[float, float]:
    """Return when something begins, and how many seconds it lasts."""
    return chance.uniform(0, 5), chance.choice((1.0, 10.0, 60.0))
