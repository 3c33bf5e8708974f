"""What a person asks of a replay, read and checked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from shared.message.errors.pipeline import NotFound, RequestInvalid
from shared.message.identifiers import DestinationId, InterfaceId, MessageId, OrderingKey, RunId
from shared.message.nearest import no_such
from shared.message.patient import read_patient_hash
from shared.message.replay import Replay, Selection
from shared.ports import History, Ledger
from shared.recover.noted import is_noted, why_not_noted

if TYPE_CHECKING:
    from shared.registry import Registry

_REASON_LENGTH = 200
_KNOWN = frozenset(
    {
        "message", "patient", "interface", "finding", "affected_by", "from", "to", "destinations", "allow_stale",
        "resend_accepted", "reason",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """A replay that could be begun, and the destinations it leaves out, with why."""

    replay: Replay
    left_out: Mapping[DestinationId, str]


def read_json(request: bytes) -> dict[str, Any]:
    """Return the members of a request.

    Raises:
        RequestInvalid: it is not one JSON object.
    """
    try:
        said = orjson.loads(request or b"{}")
    except ValueError:
        raise RequestInvalid("the body is JSON") from None
    if not isinstance(said, dict):
        raise RequestInvalid("the body is one JSON object")
    return said


def read_reason(said: Mapping[str, Any]) -> str:
    """Return why a person orders something.

    Raises:
        RequestInvalid: no reason is given.
    """
    reason = str(said.get("reason") or "").strip()
    if not reason:
        raise RequestInvalid('it needs a reason: {"reason": "..."}')
    return reason[:_REASON_LENGTH]


async def read_selection(said: Mapping[str, Any], ledger: Ledger, history: History, registry: Registry) -> Selection:
    """Return which messages a request means.

    Raises:
        RequestInvalid: a time or a patient hash cannot be read, the end is not after the beginning, a mapping is not
            written ``INTERFACE@VERSION``, or a finding is none that messages are found by.
        NotFound: there is no such message or interface, or nobody with this hash.
    """
    interface, mapping = said.get("interface"), None
    if said.get("affected_by"):
        interface, separator, mapping = str(said["affected_by"]).rpartition("@")
        if not (separator and interface and mapping):
            raise RequestInvalid("a mapping is written INTERFACE@VERSION, such as hospital_adt@1")
    if interface and interface not in registry.interfaces:
        raise NotFound(no_such("interface", str(interface), registry.interfaces))
    since, until = _time(said, "from"), _time(said, "to")
    if since is not None and until is not None and until <= since:
        raise RequestInvalid("to is not after from: nothing lies between them")
    selection = Selection(
        message=await _message(str(said["message"]), ledger) if said.get("message") else None,
        interface=InterfaceId(str(interface)) if interface else None,
        key=await _key(str(said["patient"]), history) if said.get("patient") else None,
        mapping=mapping,
        finding=str(said["finding"]) if said.get("finding") else None,
        since=since,
        until=until,
    )
    if selection.finding is not None:
        await _check_finding(selection.finding, selection, history)
    return selection


async def read_order(request: bytes, now: datetime, ledger: Ledger, history: History, registry: Registry) -> Order:
    """Return the replay that a request asks for.

    Raises:
        RequestInvalid: it selects nothing, or asks for what does not go together.
        NotFound: there is no such message, interface or destination.
    """
    said = read_json(request)
    if unknown := sorted(said.keys() - _KNOWN):
        raise RequestInvalid(f"a replay knows no {unknown[0]}")
    selection = await read_selection(said, ledger, history, registry)
    named = _destinations(said, registry)
    resends = bool(said.get("resend_accepted"))
    if resends and not (named and said.get("reason")):
        raise RequestInvalid("resend_accepted needs a destination and a reason")
    is_by_destination = not any((selection.message, selection.key, selection.interface, selection.finding))
    if is_by_destination and len(named) != 1:
        raise RequestInvalid("say which: message, patient, interface, finding, affected_by, or one destination")
    reached, left_out = _reached(named, registry)
    replay = Replay(
        run=RunId(f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"),
        created=now,
        selection=selection,
        destinations=reached,
        reason=str(said.get("reason") or "")[:_REASON_LENGTH],
        passed_by=named[0] if is_by_destination else None,
        allows_stale=bool(said.get("allow_stale")),
        resends_accepted=resends,
    )
    return Order(replay, left_out)


def _destinations(said: Mapping[str, Any], registry: Registry) -> list[DestinationId]:
    named = said.get("destinations") or []
    if not isinstance(named, list):
        raise RequestInvalid("destinations is a list")
    found = [DestinationId(str(one)) for one in named]
    if unknown := [one for one in found if one not in registry.destinations]:
        raise NotFound(no_such("destination", unknown[0], registry.destinations))
    return found


def _reached(
    named: list[DestinationId], registry: Registry
) -> tuple[tuple[DestinationId, ...], dict[DestinationId, str]]:
    """Return where a replay goes, and why it does not go elsewhere; nobody reaches a destination by accident."""
    reached: list[DestinationId] = []
    left_out: dict[DestinationId, str] = {}
    for config in registry.destinations.values():
        if named and config.id not in named:
            continue
        if config.replay == "never":
            left_out[config.id] = 'replay = "never"'
        elif config.replay == "ask" and config.id not in named:
            left_out[config.id] = 'replay = "ask": name it to include it'
        else:
            reached.append(config.id)
    return tuple(sorted(reached)), left_out


async def _message(name: str, ledger: Ledger) -> MessageId:
    [record] = await ledger.messages([MessageId(name)])
    if record is not None:
        return record.message
    found = await ledger.by_control_id(name, 1)
    if not found:
        raise NotFound("message id or MSH-10")
    return found[0].message


async def _key(text: str, history: History) -> OrderingKey:
    patient = read_patient_hash(text)
    if patient is None:
        raise RequestInvalid("a patient is the 16 digits that a plan or `affected` shows")
    key = await history.key_of(patient)
    if key is None:
        raise NotFound("patient with this hash")
    return key


async def _check_finding(code: str, selection: Selection, history: History) -> None:
    """Refuse a code that is not noted about messages: that nobody has it would be heard as nobody being affected."""
    # An older release may have noted it: what is found, counts.
    if not is_noted(code) and not await history.select(selection, limit=1):
        raise RequestInvalid(f"finding: {why_not_noted(code)}")


def _time(said: Mapping[str, Any], name: str) -> datetime | None:
    if not said.get(name):
        return None
    try:
        at = datetime.fromisoformat(str(said[name]))
    except ValueError:
        raise RequestInvalid(f"{name} is a time such as 2026-03-01T08:00:00+00:00") from None
    if at.tzinfo is None:
        raise RequestInvalid(f"{name} needs an offset, such as +00:00 or Z")
    return at
