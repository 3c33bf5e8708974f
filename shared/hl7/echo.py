"""The echo message of a connector: HL7's own message for such things, NMD^N02 (application management data).

What the standard has no field for stands in notes after NST, one fact each: ``NTE|1|L|waiting=17``. Nothing in it is
about a patient.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from shared.hl7.message import Message
from shared.message.beat import Beat, Certificate, MirrorState

APPLICATION = "CADUCEUS_CONNECTOR"
ECHO_BEGINS = b"MSH|^~\\&|" + APPLICATION.encode() + b"|"  # every echo, and few others
_TEXT_LIMIT, _CERTIFICATES_LIMIT = 60, 100
_LONGEST_SECONDS = 86_400
_NUMBERS = ("waiting", "refused", "held", "spool_bytes")


def write_echo(beat: Beat) -> bytes:
    """Return the echo message of a beat."""
    when = f"{beat.sent:%Y%m%d%H%M%S}+0000"
    oldest = "" if beat.oldest is None else beat.oldest.isoformat()
    facts = [f"version={beat.version}", f"sent={beat.sent.isoformat()}", f"every_seconds={beat.every_seconds:g}"]
    facts += [f"{name}={getattr(beat, name)}" for name in _NUMBERS] + [f"oldest={oldest}", f"mirror={beat.mirror}"]
    facts += [f"certificate={each.of} {each.lapses.isoformat() if each.lapses else ''}" for each in beat.certificates]
    notes = "".join(f"NTE|{number}|L|{fact}\r" for number, fact in enumerate(facts, 1))
    return (
        f"MSH|^~\\&|{APPLICATION}|{beat.connector}|CADUCEUS||{when}||NMD^N02^NMD_N02"
        f"|ECHO{beat.sent.timestamp():.6f}|P|2.5.1\rNCK|{when}\rNST|Y|{beat.connector}|I\r{notes}"
    ).encode()


def is_echo(message: Message) -> bool:
    """Tell whether a message says that it is a connector's echo."""
    return message.code == "NMD" and message.event == "N02" and message.get("MSH-3") == APPLICATION


def read_echo(message: Message) -> Beat | None:
    """Return the beat of an echo message; None where it cannot be read as one."""
    facts: defaultdict[str, list[str]] = defaultdict(list)
    for note in message.all("NTE"):
        name, _, value = note.text(3).partition("=")
        facts[name].append(value)
    try:
        beat = Beat(
            connector=str(message.get("MSH-4") or ""),
            version=facts["version"][0][:_TEXT_LIMIT],
            sent=_instant(facts["sent"][0]),
            every_seconds=float(facts["every_seconds"][0]),
            oldest=_instant(facts["oldest"][0]) if facts["oldest"][0] else None,
            mirror=MirrorState(facts["mirror"][0]) if facts["mirror"] else MirrorState.NONE,  # of an older connector
            certificates=tuple(map(_certificate, facts["certificate"][:_CERTIFICATES_LIMIT])),
            **{name: int(facts[name][0]) for name in _NUMBERS},
        )
    except (IndexError, ValueError):
        return None
    return beat if 0 < beat.every_seconds <= _LONGEST_SECONDS else None


def _certificate(text: str) -> Certificate:
    of, _, lapses = text.partition(" ")
    return Certificate(of[:_TEXT_LIMIT], _instant(lapses) if lapses else None)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
