"""Where a message is, and what a person does with it: `messages`, `trace`, `resend`, `correct`, `discard`."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.given import check_reason
from cli.hub_client import HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import clock_time, coloured, console, counted, deliveries_in_short, print_json, print_table

_MESSAGE_ID = re.compile(r"[0-9]+-[0-9a-f]{32}")


def messages(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    state: Annotated[str | None, typer.Option(help="Only these: queued, routed, quarantined ...")] = None,
    interface: Annotated[str | None, typer.Option(help="Only of this interface.")] = None,
    patient: Annotated[
        str | None, typer.Option(metavar="HASH", help="Only of this patient, by the keyed hash that plans show.")
    ] = None,
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Show the newest messages and how far each is."""
    wanted = {"limit": limit, "state": state, "interface": interface, "patient": patient}
    answer = HubClient(hub).get("/hub/messages", wanted)
    if as_json:
        print_json(answer)
        return
    rows = (
        (
            one["id"],
            clock_time(one["received"]),
            one["interface"],
            one["type"],
            one["control_id"],
            one["state"],
            one["code"] or deliveries_in_short(one["deliveries"]),
        )
        for one in answer["messages"]
    )
    columns = ("message", "received", "interface", "type", "control id", "state", "deliveries or code")
    is_chosen = any(each is not None for each in (state, interface, patient))
    nothing = "no message fits" if is_chosen else "no messages yet; send one with `caduceus send FILE`"
    print_table("", columns, rows, nothing)


def trace(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="Message id, the MSH-10 its sender gave it, or a patient's keyed hash.")
    ],
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Show every hop of one message: when it came, what it became, who took it; of a patient, of the newest."""
    answer = HubClient(hub).get(f"/hub/messages/{segment(name)}")
    if as_json:
        print_json(answer)
        return
    _print_head(answer, name)
    _print_timeline(answer)
    _print_deliveries(answer["deliveries"])
    rows = ((one["code"], one["place"], one["detail"]) for one in answer["findings"])
    print_table("\nfindings", ("code", "place", "detail"), rows, "\nno findings")


def resend(
    name: Annotated[str, typer.Argument(metavar="ID", help="Message id, or the MSH-10 its sender gave it.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the message's trace.")],
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Send a stopped message again. What a destination has accepted is not sent a second time."""
    check_reason(reason, "it is kept in the message's trace")
    client = HubClient(hub)
    message = _stopped_message(client, name)
    answer = client.post(f"/hub/messages/{segment(message)}/resend", {"reason": reason})
    if as_json:
        print_json(answer)
    else:
        console().print(f"{name} goes again; follow it with `caduceus trace {name}`", markup=False)
        for destination, count in answer.get("delivered_since", {}).items():
            later = f"{destination} accepted {counted(count, 'later message')} of the same key"
            console().print(f"{later}; `caduceus replay --message {name}` brings those again", markup=False)


def discard(
    name: Annotated[str, typer.Argument(metavar="ID", help="Message id, or the MSH-10 its sender gave it.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the trace and in the audit.")],
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Give up a stopped message, or its stopped deliveries, for good. What waits behind it goes on."""
    check_reason(reason, "it is kept in the trace and in the audit")
    client = HubClient(hub)
    message = _stopped_message(client, name)
    answer = client.post(f"/hub/messages/{segment(message)}/discard", {"reason": reason})
    if as_json:
        print_json(answer)
    else:
        console().print(f"{name} is discarded", markup=False)


def correct(
    name: Annotated[str, typer.Argument(metavar="ID", help="Message id, or the MSH-10 its sender gave it.")],
    file: Annotated[Path, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The corrected message.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in both traces and in the audit.")],
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Send a corrected copy of a stopped message as a new one, and discard the old; each names the other."""
    from cli.files import is_fhir
    from cli.sender import with_returns

    check_reason(reason, "it is kept in both traces and in the audit")
    raw = file.read_bytes()
    if not raw.strip():
        raise CommandFailed(f"{file} is empty: it is to hold the corrected message", UNREACHABLE)
    body = base64.b64encode(raw if is_fhir(raw) else with_returns(raw)).decode()
    client = HubClient(hub)
    message = _stopped_message(client, name)
    answer = client.post(f"/hub/messages/{segment(message)}/correct", {"reason": reason, "message": body})
    if as_json:
        print_json(answer)
    else:
        corrected = answer["corrected"]
        console().print(f"{name} goes as {corrected}; follow it with `caduceus trace {corrected}`", markup=False)


def _stopped_message(client: HubClient, name: str) -> str:
    """Return the id of the message that an order is for.

    An MSH-10 is not unique: where several messages have it, nobody but the person knows which one is meant.

    Raises:
        CommandFailed: none has it, or several; or it is a patient's hash.
    """
    if _MESSAGE_ID.fullmatch(name):
        return name
    found = client.get(f"/hub/messages/{segment(name)}")
    message, others = found["message"], found["others"]
    if name not in (message["id"], message["control_id"]):
        raise CommandFailed(f"{name} is a patient; name a message: `caduceus messages --patient {name}`", REFUSED)
    if others:
        ids = ", ".join([message["id"], *others])
        raise CommandFailed(
            f"{len(others) + 1} messages have the control id {name}; name one by its id: {ids}", REFUSED
        )
    return str(message["id"])


def _print_head(answer: dict[str, Any], name: str) -> None:
    message = answer["message"]
    state = coloured(message["state"]) + (f" {coloured(message['code'])}" if message["code"] else "")
    console().print(f"[bold]{coloured(message['type'])}[/]  {coloured(message['id'])}  {state}")
    sequence = f"{message['source']} / {message['epoch']} / {message['n']}"
    console().print(
        f"interface {message['interface']}, control id {message['control_id']}, sequence {sequence}", markup=False
    )
    if message["patient"]:
        console().print(f"patient {message['patient']}: `caduceus messages --patient` shows the others", markup=False)
    if answer["others"]:
        shared = "control id" if name == message["control_id"] else "patient"
        console().print(f"{len(answer['others'])} older with the same {shared}: {' '.join(answer['others'])}")


def _print_timeline(answer: dict[str, Any]) -> None:
    """Print hops and sends as a line that runs down, with the milliseconds since the message came."""
    began = datetime.fromisoformat(answer["message"]["received"])
    destinations = {one["id"]: one["destination"] for one in answer["deliveries"]}
    events = [(hop["at"], hop["stage"], hop["code"], hop["detail"]) for hop in answer["hops"]]
    for one in answer["attempts"]:
        said = f"{destinations.get(one['delivery'], '')}: {one['code']}, attempt {one['number']}"
        events.append((one["ended"], "deliver", one["verdict"], said))
    rows = [
        (clock_time(at), f"+{_milliseconds(began, at):,.0f} ms", "●─", stage, what, detail)
        for at, stage, what, detail in sorted(events, key=lambda event: datetime.fromisoformat(event[0]))
    ]
    print_table("", ("at", "since", "", "stage", "what", "detail"), rows, "no hops yet")


def _milliseconds(began: datetime, at: str) -> float:
    return (datetime.fromisoformat(at) - began).total_seconds() * 1000


def _print_deliveries(deliveries: list[dict[str, Any]]) -> None:
    rows = (
        (
            one["destination"],
            one["state"],
            one["code"],
            one["attempts"],
            _when(one),
        )
        for one in deliveries
    )
    print_table("\ndeliveries", ("destination", "state", "answer", "attempts", "settled"), rows, "\nno deliveries")
    for one in deliveries:
        if one.get("reason"):
            console().print(f"{one['destination']}: {one['code']}: {one['reason']}", markup=False)


def _when(delivery: dict[str, Any]) -> str:
    """Return when a delivery ended or is tried next; one that was not begun stands behind another, or is next."""
    if delivery["settled"]:
        return clock_time(delivery["settled"])
    if delivery["due"]:
        return f"next {clock_time(delivery['due'])}"
    return "waits for its turn" if delivery["state"] == "parked" else ""
