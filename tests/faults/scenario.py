"""Who sends what to whom: three interfaces, four destinations, persons that are shared and persons that are not."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.registry import Registry, load_registry

_RETRY = "[retry]\nbase_seconds = 1\ncap_seconds = 8"
DESTINATIONS = {
    "store": f'kind = "fhir_store"\n{_RETRY}',
    "keyed": f'kind = "https"\nidempotent = true\naddress = {{ laptop = "http://127.0.0.1:1/keyed" }}\n{_RETRY}',
    "careful": f'kind = "https"\naddress = {{ laptop = "http://127.0.0.1:1/careful" }}\n{_RETRY}',
    "feed": f'kind = "mllp"\naddress = {{ laptop = "mllp://127.0.0.1:1" }}\n{_RETRY}',
}
SHAPES = {"feed": "hl7"}
# Who wants what of each interface; one of its routes looks inside the message.
ROUTES = {
    "ward": ("store", "keyed", "careful", "feed"),
    "lab": ("store", "feed"),
    "desk": ("keyed", "careful", "feed"),
}
WOMEN_ONLY = ("desk", "feed")

POISON = b"|POISON|"  # an error of ours, in the conversion of this one message
POISONOUS = "POISON"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, and what should become of it.

    Attributes:
        person: Number of the person it is about.
        names: Destinations that want it; none where it is put aside.
        prior: Number of the person who is merged into that one; 0: nobody is.
    """

    source: str
    control_id: str
    person: int
    body: bytes
    names: frozenset[str]
    prior: int = 0

    @property
    def is_poison(self) -> bool:
        return self.control_id == POISONOUS

    @property
    def is_sent_once(self) -> bool:
        """Tell whether its sender gives up when nobody answers: of merges, for what else waits must not wait for it."""
        return self.prior > 0

    @property
    def persons(self) -> tuple[int, ...]:
        """Whom it is about, and who is merged into them."""
        return (self.person, self.prior) if self.prior else (self.person,)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What each sender sends, in order.

    Attributes:
        copies: Control ids of messages that are sent a second time, after everything else of their sender.
        outages: Of destinations, in seconds of virtual time.
    """

    name: str
    senders: tuple[tuple[Message, ...], ...]
    copies: frozenset[str] = frozenset()
    outages: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def messages(self) -> list[Message]:
        return [message for sender in self.senders for message in sender]


def number_of(person: int) -> str:
    """Return the record number of a person."""
    return f"7{person:05d}"


def admission(source: str, control_id: str, person: int) -> Message:
    """Return an ADT^A08 of the ward or the desk; the ward's says its own control id as the address."""
    sex = "F" if person % 2 else "M"
    address = f"|||{control_id} St^^Wien" if source == "ward" else ""
    body = _joined(
        _header(source, "ADT^A08", control_id),
        f"PID|1||{number_of(person)}^^^GENERAL^MR||Example^P{person}||19800101|{sex}{address}",
    )
    names = frozenset(ROUTES[source]) - ({"feed"} if (source, "feed") == WOMEN_ONLY and sex == "M" else set())
    return Message(source, control_id, person, body, frozenset() if control_id == POISONOUS else names)


def result(control_id: str, person: int) -> Message:
    """Return an ORU^R01 of the laboratory."""
    body = _joined(
        _header("lab", "ORU^R01^ORU_R01", control_id),
        f"PID|1||{number_of(person)}^^^GENERAL^MR||Example^P{person}",
        f"OBR|1|P-{control_id}^EHR|F-{control_id}^LAB|24323-8^Metabolic panel^LN|||20260301110000+0000"
        + "|" * 18
        + "F",
        f"OBX|1|NM|2951-2^Sodium^LN||{100 + person % 50}|mmol/L^^UCUM|133-146|N|||F",
    )
    return Message("lab", control_id, person, body, frozenset(ROUTES["lab"]))


def merge(control_id: str, survivor: int, prior: int) -> Message:
    """Return an ADT^A40 of the ward that gives up the prior number."""
    body = _joined(
        _header("ward", "ADT^A40^ADT_A39", control_id),
        f"PID|1||{number_of(survivor)}^^^GENERAL^MR||Example^P{survivor}||19800101|{'F' if survivor % 2 else 'M'}",
        f"MRG|{number_of(prior)}^^^GENERAL^MR",
    )
    return Message("ward", control_id, survivor, body, frozenset(ROUTES["ward"]), prior)


def small() -> Scenario:
    """Return the scenario that is broken at every step: every kind of message once, most of them about one person."""
    ward = (admission("ward", "W1", 1), admission("ward", "W2", 2), admission("ward", "W3", 1), merge("M1", 1, 2))
    ward += (admission("ward", "W4", 2),)
    desk = (admission("desk", "D1", 1), admission("desk", POISONOUS, 9))
    return Scenario("small", (ward, (result("L1", 1),), desk), frozenset({"W1"}))


def full(seed: str, size: int = 200) -> Scenario:
    """Return a day of this many messages: eight persons that all three senders know, and many of one message each."""
    chance = random.Random(f"{seed} scenario")
    ward: list[Message] = []
    lab: list[Message] = []
    desk: list[Message] = [admission("desk", POISONOUS, 99)]
    for number in range(size - 3):
        person = chance.randrange(1, 9) if chance.random() < 0.7 else 1000 + number
        match chance.choice(("ward", "ward", "lab", "desk")):
            case "ward":
                ward.append(admission("ward", f"W{number}", person))
            case "lab":
                lab.append(result(f"L{number}", person))
            case _:
                desk.append(admission("desk", f"D{number}", person))
    for number, (survivor, prior) in enumerate(((1, 2), (3, 4))):
        ward.insert(chance.randrange(len(ward)), merge(f"M{number}", survivor, prior))
    chance.shuffle(desk)
    copies = frozenset(one.control_id for one in chance.sample(ward + lab, size // 10))
    outages = {name: [_outage(chance)] for name in DESTINATIONS if name != "store" and chance.random() < 0.5}
    return Scenario(f"full {seed}", (tuple(ward), tuple(lab), tuple(desk)), copies, outages)


def _outage(chance: random.Random) -> tuple[float, float]:
    start = chance.uniform(0, 5)
    return start, start + chance.choice((1.0, 10.0, 60.0))


@cache
def registry() -> Registry:
    """Return the interfaces and destinations of every scenario."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "destinations").mkdir()
        for destination, text in DESTINATIONS.items():
            file = folder / "destinations" / f"{destination}.toml"
            file.write_text(f'title = "{destination}"\n{text}\n', encoding="utf-8")
        for source, routes in ROUTES.items():
            (folder / source / "samples").mkdir(parents=True)
            (folder / source / "samples" / "01.hl7").write_bytes(admission(source, "SAMPLE", 1).body)
            (folder / source / "interface.toml").write_text(_interface(source, routes), encoding="utf-8")
        return load_registry(folder, "laptop", {})


def _interface(source: str, routes: tuple[str, ...]) -> str:
    head = (
        f'title = "{source}"\nowner = "tests"\ncontact = "tests"\nassigner = "GENERAL"\naccepts = ["P"]\n'
        f'[[match]]\nsending_application = ["{source.upper()}"]\n'
    )
    return head + "".join(_route(source, name) for name in routes)


def _route(source: str, name: str) -> str:
    where = 'where = { "PID-8" = ["F"] }\n' if (source, name) == WOMEN_ONLY else ""
    return f'[[routes]]\nto = "{name}"\nshape = "{SHAPES.get(name, "fhir")}"\n{where}'


def _header(source: str, kind: str, control_id: str) -> str:
    return f"MSH|^~\\&|{source.upper()}|GENERAL|HUB|HUB|20260301120000+0000||{kind}|{control_id}|P|2.5.1"


def _joined(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()
