"""What waits for a person: `quarantine list`, and `quarantine resend` for all that stopped for one reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer

from cli.failure import REFUSED, CommandFailed
from cli.given import check_reason
from cli.hub_client import HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, counted, print_json, print_table

_PAGE = 500


@dataclass(slots=True)
class _Done:
    """What became of an order, message by message."""

    messages: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    delivered_since: dict[str, Any] = field(default_factory=dict)
    has_more: bool = False


quarantine = typer.Typer(no_args_is_help=True, help="What waits for a person.")


@quarantine.command("list", epilog="Example: caduceus quarantine list --json")
def quarantine_list(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many of each state, newest first.")] = 50,
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Show messages and deliveries that were stopped, and why."""
    answer = HubClient(hub).get("/hub/quarantine", {"limit": limit})
    if as_json:
        print_json(answer)
        return
    rows = [{**one, "message": one["id"], "destination": "(message)"} for one in answer["messages"]]
    waiting = [
        (
            one["message"],
            one.get("control_id", ""),
            one["destination"],
            one["state"],
            one["code"],
            one.get("reason", ""),
            ", ".join(one.get("orders", ())),
        )
        for one in (*rows, *answer["deliveries"])
    ]
    columns = ("message", "control id", "destination", "state", "code", "why", "what can be done")
    print_table("", columns, waiting, "nothing waits for a person")
    for code, count in Counter(row[4] for row in waiting if row[3] == "quarantined").most_common():
        if count > 1:
            again = f'`caduceus quarantine resend --code "{code}"` sends them again, once the cause is mended'
            console().print(f"{count} with {code or 'no code'}; {again}", markup=False)
    if answer.get("more"):
        console().print(f"there are more: these are the newest {limit} of each state; `--limit 500`", markup=False)


@quarantine.command("resend", epilog="Example: caduceus quarantine resend --code DELIVER-021")
def quarantine_resend(
    code: Annotated[str, typer.Option(help="What stopped with this code, as `quarantine list` shows it.")],
    destination: Annotated[str | None, typer.Option(metavar="ID", help="Only what stopped there.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in each trace. Needed with --yes.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this the count is all.")] = False,
    hub: Hub = DEFAULT_HUB,
    as_json: Json = False,
) -> None:
    """Send again everything that stopped for one reason, the oldest first. What may have arrived is left out."""
    if yes:
        check_reason(reason, "it is kept in each message's trace")
    client, done = HubClient(hub), _Done()
    while _send_page(client, code, destination, reason if yes else None, done):
        pass
    if as_json:
        print_json({"code": code, "sent": yes, **asdict(done)})
    else:
        _print(code, done, yes=yes)
    if not done.messages:
        raise typer.Exit(REFUSED)


def _send_page(client: HubClient, code: str, destination: str | None, reason: str | None, done: _Done) -> bool:
    """Send again what the list shows of a code, the oldest first; return whether there may be more behind it.

    Args:
        reason: None: it is counted, and nothing is sent.
    Raises:
        CommandFailed: older messages are not on the list, and would go behind younger ones of the same patient.
    """
    answer = client.get("/hub/quarantine", {"limit": _PAGE})
    messages = [one["id"] for one in answer["messages"] if _is_meant(one, code) and destination is None]
    done.has_more = bool(answer.get("more"))
    if messages and done.has_more:
        raise CommandFailed(
            f"more than {_PAGE} wait, and the list begins with the newest: the oldest go first, one by one, or in "
            f"order with `caduceus replay --finding {code}`",
            REFUSED,
        )
    # Of deliveries each stands at the head of a lane of its own, or those behind it have gone already.
    rows = [
        one["message"]
        for one in answer["deliveries"]
        if _is_meant(one, code) and destination in (None, one["destination"])
    ]
    new = [one for one in dict.fromkeys(reversed([*messages, *rows])) if one not in (*done.messages, *done.left_out)]
    for message in new:
        if _stopped_otherwise(client, message, code, destination):
            done.left_out.append(message)
            continue
        if reason is not None:
            told = client.post(f"/hub/messages/{segment(message)}/resend", {"reason": reason})
            done.delivered_since |= {message: told["delivered_since"]} if told.get("delivered_since") else {}
        done.messages.append(message)
    return bool(new) and done.has_more and reason is not None


def _is_meant(row: dict[str, Any], code: str) -> bool:
    return bool(row["code"] == code and row["state"] == "quarantined")


def _stopped_otherwise(client: HubClient, message: str, code: str, destination: str | None) -> bool:
    """Tell whether a message also stopped elsewhere: a resend lets all of it go, and nobody has looked at that."""
    deliveries = client.get(f"/hub/messages/{segment(message)}")["deliveries"]
    stopped = [one for one in deliveries if one["state"] in ("quarantined", "review")]
    return any(one["code"] != code or destination not in (None, one["destination"]) for one in stopped)


def _print(code: str, done: _Done, *, yes: bool) -> None:
    say, count = console().print, len(done.messages)
    if not done.messages and not done.left_out:
        raise CommandFailed(f"nothing stopped with {code}; `caduceus quarantine list` shows the codes", REFUSED)
    goes = "goes" if count == 1 else "go"
    after = f"{goes} again; `caduceus quarantine list` shows what stops once more"
    more = "at least " if done.has_more and not yes else ""
    say(f"{more}{counted(count, 'message')} {after if yes else 'would go again; nothing was sent'}", markup=False)
    if not yes and count:
        say("mend the cause first, then give --yes --reason R", markup=False)
    if done.left_out:
        also = (
            f"left out: {counted(len(done.left_out), 'message')} that stopped elsewhere too, or may have arrived there"
        )
        say(f"{also}; decide one by one: {_first(done.left_out)}", markup=False)
    for destination in sorted({name for since in done.delivered_since.values() for name in since}):
        those = [message for message, since in done.delivered_since.items() if destination in since]
        brings = f"`caduceus replay --message ID` brings those again: {_first(those)}"
        say(f"{destination} accepted later messages of the same key after {len(those)} of them; {brings}", markup=False)


def _first(messages: list[str]) -> str:
    return " ".join(messages[:5]) + (" ..." if len(messages) > 5 else "")
