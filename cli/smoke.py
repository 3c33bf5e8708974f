"""Does a hub carry a message the whole way: `smoke`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.hub_client import HubClient, segment
from cli.options import Json
from cli.screen import console, print_json, print_table

INTERFACE = "smoke"
_LOOK_EVERY_SECONDS = 0.25
_STOPPED = frozenset({"quarantined", "refused", "filtered", "discarded", "review"})
_LINES = (
    r"MSH|^~\&|CADUCEUS|SMOKE|CADUCEUS|HUB|{now}||ADT^A04^ADT_A01|{id}|T|2.5.1",
    "EVN|A04|{now}",
    "PID|1||SMOKE-1^^^SMOKE^MR||Smoke^Test||19700101|U",
    "PV1|1|O|NOWHERE^^^SMOKE||||||||||||||||SMOKE-1^^^SMOKE^VN",
)


@dataclass(frozen=True, slots=True)
class Smoke:
    """What became of the message.

    Attributes:
        outcome: ``accepted`` is the only good one; else MSA-1, a state of the message or of its delivery, or ``late``.
        code: Of the error, where there is one: look it up in the runbooks.
    """

    control_id: str
    outcome: str
    code: str
    acknowledged_milliseconds: float
    delivered_milliseconds: float | None

    @property
    def is_well(self) -> bool:
        return self.outcome == "accepted"


def smoke(
    url: Annotated[str, typer.Argument(metavar="URL", help="The hub, or the gateway before it.")],
    timeout: Annotated[float, typer.Option(min=1, help="Seconds until it must have arrived.")] = 60.0,
    audience: Annotated[
        str | None, typer.Option(help="Sign in with Entra for this audience: the gateway asks for it.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option(help="File with the gateway's subscription key.")] = None,
    as_json: Json = False,
) -> None:
    """Send a synthetic message and follow it to its end at the null destination.

    It is nobody's, and reaches nobody. Exit code 1: it was refused, stopped on the way, or is late.
    """
    hub = HubClient(url, gateway_headers(audience, key_file))
    ended = _send_and_follow(hub, timeout)
    if as_json:
        print_json({"url": url, "is_well": ended.is_well, **asdict(ended)})
    else:
        took = f"{ended.delivered_milliseconds:,.0f} ms" if ended.delivered_milliseconds is not None else ""
        row = (ended.control_id, f"{ended.acknowledged_milliseconds:,.0f} ms", took, ended.outcome, ended.code)
        print_table("", ("message", "acknowledged in", "delivered in", "outcome", "code"), [row], "")
        console().print(_in_words(ended, url), markup=False)
    if not ended.is_well:
        raise typer.Exit(REFUSED)


def gateway_headers(audience: str | None, key_file: Path | None) -> dict[str, str]:
    """Return what a gateway asks of a caller; a key comes from a file, for a command line is seen by everybody.

    Raises:
        CommandFailed: the file cannot be read, or nobody is signed in.
    """
    headers: dict[str, str] = {}
    if key_file is not None:
        try:
            headers["Ocp-Apim-Subscription-Key"] = key_file.read_text("utf-8").strip()
        except OSError as error:
            raise CommandFailed(f"--key-file {key_file}: {error.strerror}", UNREACHABLE) from None
    if audience is not None:
        headers["Authorization"] = f"Bearer {_token_for(audience)}"
    return headers


def _token_for(audience: str) -> str:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    try:
        return DefaultAzureCredential().get_token(f"{audience}/.default").token
    except ClientAuthenticationError:
        raise CommandFailed(f"--audience {audience}: nobody is signed in; try `az login`", UNREACHABLE) from None


def _send_and_follow(hub: HubClient, timeout: float) -> Smoke:
    from cli.acknowledged import ACCEPTED, read_answer

    control_id = f"SMOKE{uuid4().hex[:12].upper()}"
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    message = "".join(line.format(now=now, id=control_id) + "\r" for line in _LINES).encode()
    began = time.monotonic()
    said, detail = read_answer(hub.ingest(INTERFACE, message), control_id)
    acknowledged = _milliseconds_since(began)
    if said not in ACCEPTED:
        return Smoke(control_id, said, detail, acknowledged, None)
    while time.monotonic() - began < timeout:
        outcome, code = _outcome(hub.get(f"/hub/messages/{segment(control_id)}", accept=(404,)))
        if outcome:
            return Smoke(control_id, outcome, code, acknowledged, _milliseconds_since(began))
        time.sleep(_LOOK_EVERY_SECONDS)
    return Smoke(control_id, "late", "", acknowledged, None)


def _outcome(answer: dict[str, Any]) -> tuple[str, str]:
    """Return how the message ended and the code of why; empty while it is on its way."""
    message = answer.get("message", {})
    deliveries = answer.get("deliveries", [])
    for one in (message, *deliveries):
        if one.get("state") in _STOPPED:
            return one["state"], one["code"]
    is_routed = message.get("state") == "routed" and deliveries
    return ("accepted", "") if is_routed and all(one["state"] == "accepted" for one in deliveries) else ("", "")


def _milliseconds_since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)


def _in_words(ended: Smoke, url: str) -> str:
    if ended.is_well:
        return "the hub carries messages from end to end"
    if ended.outcome == "late":
        trace = f"caduceus trace {ended.control_id} --hub {url}"
        return f"it was acknowledged and has not arrived; `{trace}` shows where it is"
    return f"it ended as {ended.outcome}; the code has a page in docs/runbooks"
