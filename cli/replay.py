"""Messages that go again: `replay`."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from cli.given import check_any, check_reason, check_times
from cli.hub_client import LONG_SECONDS, HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, counted, print_deliveries, print_json, print_table

_EVERY_SECONDS = 0.5
_OUTCOMES = ("new", "different", "again", "same")


def replay(
    message: Annotated[
        str | None, typer.Option(metavar="ID", help="Message id or MSH-10, and what followed it.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(metavar="HASH", help="Messages of this patient, by the keyed hash.")
    ] = None,
    interface: Annotated[str | None, typer.Option(help="Messages of this interface.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Received then or later.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Received before then.")] = None,
    finding: Annotated[str | None, typer.Option(metavar="CODE", help="Messages with this finding or error.")] = None,
    affected_by: Annotated[
        str | None, typer.Option(metavar="MAPPING@VERSION", help="Messages mapped so, such as hospital_adt@1.")
    ] = None,
    destination: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only to this destination; may be given several times.")
    ] = None,
    allow_stale: Annotated[
        bool, typer.Option("--allow-stale", help="Only these messages, without what followed them.")
    ] = False,
    resend_accepted: Annotated[
        bool, typer.Option("--resend-accepted", help="What the destination accepted goes again; needs --reason.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept with the replay.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run it; without this the plan is all.")] = False,
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Show what sending messages again would do, and do it with --yes. Given twice, an order is one order."""
    given = {
        "message": message,
        "patient": patient,
        "interface": interface,
        "from": since,
        "to": until,
        "finding": finding,
        "affected_by": affected_by,
        "destinations": destination or None,
        "allow_stale": allow_stale or None,
        "resend_accepted": resend_accepted or None,
        "reason": reason,
    }
    _check(given)
    order = {name: value for name, value in given.items() if value is not None}
    client = HubClient(hub)
    plan = client.post("/hub/replays/plan", order, LONG_SECONDS)
    if not as_json:
        _print_plan(plan)
    if not yes:
        if as_json:
            print_json({"plan": plan, "replay": None})
        else:
            console().print(_what_next(plan), markup=False)
        return
    status = _follow(client, client.post("/hub/replays", order), is_silent=as_json)
    if as_json:
        print_json({"plan": plan, "replay": status})
    else:
        _print_end(status)
    if status["stopped"] or any(one.get("quarantined") or one.get("review") for one in status["destinations"]):
        raise typer.Exit(1)


def _check(given: dict[str, Any]) -> None:
    check_times(given["from"], given["to"], ("--from", "--to"))
    selecting = ("message", "patient", "interface", "finding", "affected_by")
    is_by_destination = len(given["destinations"] or []) == 1
    check_any(
        {"destination": is_by_destination, **{name: given[name] for name in selecting}},
        "say which: --message, --patient, --interface, --finding, --affected-by, or one --destination",
    )
    if given["resend_accepted"]:
        check_any({"destinations": given["destinations"]}, "--resend-accepted needs --destination: who lost it")
        check_reason(given["reason"], "--resend-accepted sends what was accepted; the reason is kept with the replay")


def _what_next(plan: dict[str, Any]) -> str:
    if not plan["messages"]:
        return "no message is selected: nothing would be sent; look at what was given, and at --from and --to"
    if not plan["destinations"]:
        return "nobody would get anything: see what is left out, and why"
    return "nothing was sent; run it with --yes"


def _print_plan(plan: dict[str, Any]) -> None:
    if not plan["messages"]:
        return
    patients = plan["patients"]
    say = console().print
    say(
        f"{counted(plan['messages'], 'message')}, and {plan['following']} that followed; "
        f"{counted(plan['keys'], 'ordering key')}",
        markup=False,
    )
    more = " ..." if patients["count"] > len(patients["hashes"]) else ""
    say(f"{counted(patients['count'], 'patient')}: {' '.join(patients['hashes'])}{more}", markup=False)
    rows = ((one["id"], *(one[outcome] for outcome in _OUTCOMES)) for one in plan["destinations"])
    columns = ("destination", "new", "different", "again, after a change", "same: skipped")
    compared = counted(plan["compared"], "message that was", "messages that were")
    print_table(f"\nof {compared} compared", columns, rows, "no destination takes part")
    for one in plan["left_out"]:
        say(f"left out: {one['id']}, {one['why']}", markup=False)
    for code, count in plan["failing"].items():
        say(f"{count} would stop with {code}", markup=False)
    if plan["keys_left_out"]:
        merged = counted(plan["keys_left_out"], "ordering key that was", "ordering keys that were")
        say(f"left out: {merged} merged into others, of {plan['keys_compared']} looked at", markup=False)
    if plan["in_review"]:
        waiting = counted(plan["in_review"], "delivery is", "deliveries are")
        say(f"{waiting} in review: decide first; `caduceus quarantine list`", markup=False)
    for name, count in plan["sets_back"].items():
        newer = counted(count, "newer message that does", "newer messages that do")
        say(f"sets back: {name} accepted {newer} not go again", markup=False)


def _follow(client: HubClient, status: dict[str, Any], *, is_silent: bool) -> dict[str, Any]:
    """Show how far a replay is until it is done, and return how it ended; Ctrl-C leaves it to the hub."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(error=True), transient=True, disable=is_silent) as progress:
        bar = progress.add_task(f"replay {status['run']}", total=None)
        while status["state"] != "done":
            progress.update(bar, total=status["messages"] or None, completed=status["passed"])
            time.sleep(_EVERY_SECONDS)
            status = client.get(f"/hub/replays/{segment(status['run'])}")
    return status


def _print_end(status: dict[str, Any]) -> None:
    done = counted(status["messages"], "message")
    console().print(f"replay {status['run']} is done: {done}, {status['stopped']} stopped")
    print_deliveries(status["destinations"])
