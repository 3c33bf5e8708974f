"""What the terminal says: what runs, where to look, what to try next."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import shared
from cli.options import HTTP_PORT, MLLP_PORT
from cli.screen import console, print_table

if TYPE_CHECKING:
    from local.laptop import Laptop


def say_welcome(laptop: Laptop) -> None:
    """Say that everything runs, and what to do with it."""
    http, mllp = f"http://127.0.0.1:{laptop.host.port}", f"mllp://127.0.0.1:{laptop.listener.port}"
    out = console()
    out.print("[bold]Caduceus[/] runs on this machine, for synthetic data only.\n")
    rows = [
        ("console", f"{http}/console"),
        ("HL7 v2 in", f"{mllp}  or  POST {http}/ingest"),
        ("FHIR out", f"{http}/fhir/Patient"),
        ("data and log", str(laptop.home.folder)),
        ("code", shared.RUNNING),
        *((f"receiver {receiver.name}", receiver.address) for receiver in laptop.receivers),
    ]
    print_table("", ("what", "where"), rows, "")
    out.print("\nTry, in another terminal:", markup=False)
    for line in _next_commands(laptop.host.port, laptop.listener.port):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    out.print("\nCtrl-C stops; the next start continues from here.", markup=False)


def _next_commands(http_port: int, mllp_port: int) -> list[str]:
    """Return what to type next, as it can be typed here: the command may not be on the path, the ports others."""
    caduceus = "caduceus" if shutil.which("caduceus") else sys.argv[0]
    hub = "" if http_port == HTTP_PORT else f" --hub http://127.0.0.1:{http_port}"
    to = "" if mllp_port == MLLP_PORT else f" --to mllp://127.0.0.1:{mllp_port}"
    commands = {
        f"{caduceus} trace WV000101{hub}": "one admission, hop by hop",
        f"{caduceus} receiver billing down{hub}": "then send, look at the console, switch it up again",
        f"{caduceus} send my-message.hl7{to}": "any HL7 v2",
    }
    width = max(map(len, commands))
    return [f"{command:{width}}  # {what}" for command, what in commands.items()]


def say_seeded(count: int, failure: str) -> None:
    """Say what became of the samples."""
    if failure:
        console(error=True).print(f"the samples were not all sent: {failure}", markup=False)
    else:
        console().print(f"{count} sample files of the interfaces were sent; look at the console", markup=False)


def say_goodbye() -> None:
    """Say that the end takes a moment."""
    console().print("stopping: what is under way finishes first", markup=False)
