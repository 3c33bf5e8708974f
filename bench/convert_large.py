"""Conversion beyond 1 kB: whether its time grows with the size alone, and the slowest message of the public corpus."""

from __future__ import annotations

import csv
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from bench.measure import Row
from shared.fhir.exact_json import Written
from shared.fhir.validate import write_and_validate
from shared.hl7 import parse
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter, convert
from shared.message.collector import collector_paused
from shared.message.errors import IntegrationError
from shared.transform import canonical

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
SMALL_BYTES, LARGE_BYTES = 100_000, 10_000_000
MOST_GROWTH = 1.5
MOST_MILLISECONDS = 250
ROUNDS = 3

_ADT = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||ADT^A01^ADT_A01|M1|P|2.5.1\r"
_ORU = "MSH|^~\\&|LAB|GENHOSP|HUB|HUB|20240310090000-0500||ORU^R01^ORU_R01|M2|P|2.5.1\r"
_PERSON = "PID|1||100001^^^GENHOSP^MR||Sample^Jane^Q||19800101|F\rPV1|1|I|W2^204^1^GENHOSP\r"
_ORDER = "OBR|1|P100^EHR|F100^LAB|24323-8^Comprehensive metabolic panel^LN|||20240310083000-0500|||||||||||||||||CH|F\r"

# What repeats, and what it stands below: members of a list, results of a report and its notes go ways of their own.
GROWING: dict[str, tuple[str, Callable[[int], str]]] = {
    "OBX": (
        _ORU + _PERSON + _ORDER,
        lambda n: f"OBX|{n}|NM|{n}^Test {n}^LN||{n}.5|mg/dL^mg/dL^UCUM|3.5-9.5|N|||F\r",
    ),
    "NTE": (
        _ORU + _PERSON + _ORDER,
        lambda n: f"NTE|{n}||Line {n} of a report, one segment for each\r",
    ),
    "AL1": (_ADT + _PERSON, lambda n: f"AL1|{n}|DA|{n}^Drug {n}^RXNORM|SV|Hives\r"),
}


def growth() -> list[Row]:
    """Return for each segment that may repeat what a byte costs in a message of 10 MB, against one of 100 kB."""
    return [_growth(segment, *GROWING[segment]) for segment in GROWING]


def slowest() -> list[Row]:
    """Return the message of the public corpus that takes longest; nothing where the corpus is not there."""
    if not CORPUS.exists():
        print(f"slowest message of the corpus: skipped, {CORPUS} is not there", file=sys.stderr)
        return []
    messages = dict(_messages())
    for raw in messages.values():  # a schema is compiled when its first resource is met
        _seconds(raw, 1)
    took = {name: _seconds(raw, ROUNDS) for name, raw in messages.items()}
    name = max(took, key=took.__getitem__)
    milliseconds, kilobytes = took[name] * 1e3, len(messages[name]) / 1e3
    return [
        Row(
            f"slowest of {len(took)} public messages, to validated FHIR JSON",
            f"{milliseconds:.0f} ms, {kilobytes:.0f} kB",
            "",
            None,
            f"at most {MOST_MILLISECONDS} ms",
            milliseconds <= MOST_MILLISECONDS,
        )
    ]


class Cost(NamedTuple):
    """CPU seconds for each byte: of a message to convert it, of its JSON to read that."""

    converting: float
    reading: float


def _growth(segment: str, head: str, line: Callable[[int], str]) -> Row:
    small, large = (_grown(head, line, size) for size in (SMALL_BYTES, LARGE_BYTES))
    _cost(small, 1)
    few, many = _cost(small, ROUNDS * 3), _cost(large, 1)
    ours, yardstick = many.converting / few.converting, many.reading / few.reading
    return Row(
        f"a byte of 10 MB of {segment}, to validated FHIR JSON, against one of 100 kB",
        f"{ours:.1f}x: {many.converting * 1e6:.2f} and {few.converting * 1e6:.2f} s/MB CPU",
        f"{yardstick:.1f}x: reading that JSON with orjson",
        ours / yardstick,
        f"at most {MOST_GROWTH}x as much",
        ours <= MOST_GROWTH * yardstick,
    )


def _grown(head: str, line: Callable[[int], str], size: int) -> bytes:
    pieces, length, number = [head], len(head), 0
    while length < size:
        number += 1
        pieces.append(line(number))
        length += len(pieces[-1])
    return "".join(pieces).encode()


def _messages() -> Iterator[tuple[str, bytes]]:
    """Yield each file of the corpus that is one message and can be read."""
    with (CORPUS / "index.csv").open(encoding="utf-8", newline="") as lines:
        files = [row["file"] for row in csv.DictReader(lines) if row["n_messages"] == "1"]
    for file in files:
        raw = (CORPUS / file).read_bytes()
        try:
            parse(raw)
        except IntegrationError:
            continue
        yield file, raw


def _cost(raw: bytes, rounds: int) -> Cost:
    """Return what a byte costs at least: of the message, and of the JSON it becomes, which is certainly linear.

    What fits no cache costs more a byte than what does, on some machines four times as much: so the two are compared.
    """
    text = orjson.dumps([orjson.Fragment(text) for text in _written(raw).texts])
    reading = min(_cpu_seconds(lambda: orjson.loads(text)) for _ in range(rounds))
    return Cost(_seconds(raw, rounds) / len(raw), reading / len(text))


def _seconds(raw: bytes, rounds: int) -> float:
    """Return the least CPU seconds of some conversions of a message, each with nothing to reuse."""
    return min(_cpu_seconds(lambda: _written(raw)) for _ in range(rounds))


def _written(raw: bytes) -> Written:
    mint = Minter(b"bench" * 8)
    context = MappingContext(mint, MemoryResolver(mint), ClaimDefaults())
    with collector_paused(when=len(raw) > canonical.LARGE_BYTES):  # as conversion does
        return write_and_validate(convert(parse(raw), context).bundle, is_closed=True)[0]


def _cpu_seconds(work: Callable[[], object]) -> float:
    gc.collect()  # what was left by others is not this one's
    with collector_paused(when=True):
        began = time.process_time()
        work()
        return time.process_time() - began
