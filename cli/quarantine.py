"""What waits for a person: `quarantine list`, and `quarantine resend` for all that stopped for one reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.failure import REFUSED, CommandFailed
from cli.given import check_reason
from cli.hub_client import HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, counted, print_json, print_table

_PAGE = 500

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


@quarantine.command(
    "resend", epilog='Example: caduceus quarantine resend --code DELIVER-021 --reason "steps.py mended"'
)
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
    client = HubClient(hub)
    sent, left_out, set_back = [], [], {}
    for message in _stopped_with(client, code, destination):
        if _stopped_otherwise(client, message, code, destination):
            left_out.append(message)
            continue
        if yes:
            answer = client.post(f"/hub/messages/{segment(message)}/resend", {"reason": reason})
            set_back.update({message: answer["delivered_since"]} if answer.get("delivered_since") else {})
        sent.append(message)
    if as_json:
        print_json({"code": code, "sent": yes, "messages": sent, "left_out": left_out, "delivered_since": set_back})
    else:
        _print(code, sent, left_out, set_back, yes=yes)
    if not sent:
        raise typer.Exit(REFUSED)


def _stopped_with(client: HubClient, code: str, destination: str | None) -> Iterator[str]:
    """Yield the messages that stopped with a code and can be sent again, each once, page by page."""
    seen: set[str] = set()
    while True:
        answer = client.get("/hub/quarantine", {"limit": _PAGE})
        rows = [{**one, "message": one["id"], "destination": None} for one in answer["messages"]]
        found = [
            one["message"]
            for one in (*rows, *answer["deliveries"])
            if one["code"] == code and one["state"] == "quarantined" and destination in (None, one["destination"])
        ]
        new = [one for one in dict.fromkeys(reversed(found)) if one not in seen]
        yield from new
        seen.update(new)
        if not new or not answer.get("more"):
            return


def _stopped_otherwise(client: HubClient, message: str, code: str, destination: str | None) -> bool:
    """Tell whether a message also stopped elsewhere: a resend lets all of it go, and nobody has looked at that."""
    deliveries = client.get(f"/hub/messages/{segment(message)}")["deliveries"]
    stopped = [one for one in deliveries if one["state"] in ("quarantined", "review")]
    return any(one["code"] != code or destination not in (None, one["destination"]) for one in stopped)


def _print(code: str, sent: list[str], left_out: list[str], set_back: dict[str, Any], *, yes: bool) -> None:
    say = console().print
    if not sent and not left_out:
        raise CommandFailed(f"nothing stopped with {code}; `caduceus quarantine list` shows the codes", REFUSED)
    after = "go again; `caduceus quarantine list` shows what stops once more"
    again = "goes" + after.removeprefix("go") if len(sent) == 1 else after
    say(f"{counted(len(sent), 'message')} {again if yes else 'would go again; nothing was sent'}", markup=False)
    if not yes and sent:
        say("mend the cause first, then give --yes --reason R", markup=False)
    if left_out:
        also = f"left out: {counted(len(left_out), 'message')} that stopped elsewhere too, or may have arrived there"
        say(f"{also}; decide one by one: {_first(left_out)}", markup=False)
    for destination in sorted({name for since in set_back.values() for name in since}):
        those = [message for message, since in set_back.items() if destination in since]
        brings = f"`caduceus replay --message ID` brings those again: {_first(those)}"
        say(f"{destination} accepted later messages of the same key after {len(those)} of them; {brings}", markup=False)


def _first(messages: list[str]) -> str:
    return " ".join(messages[:5]) + (" ..." if len(messages) > 5 else "")
