"""Send files to a hub or any other receiver: `send`."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.files import Paths, find_files
from cli.options import MLLP_PORT, Json
from cli.screen import console, print_json

if TYPE_CHECKING:
    from cli.acknowledged import Acknowledged


def send(
    paths: Paths,
    to: Annotated[
        str, typer.Option(metavar="URL", help="mllp://host:port, or http://host:port/ingest/ID.")
    ] = f"mllp://127.0.0.1:{MLLP_PORT}",
    connections: Annotated[int, typer.Option(min=1, max=256, help="Lines at a time; with 1 the order is kept.")] = 1,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 30.0,
    as_is: Annotated[bool, typer.Option("--as-is", help="Send line ends as they are written, not as CR.")] = False,
    as_json: Json = False,
) -> None:
    """Send HL7 v2 or FHIR files and show each acknowledgement.

    Batches are split. A refused message does not stop the others. Exit code 1: something was refused; 2: the receiver
    could not be reached, or did not answer.
    """
    from cli.lines import open_target
    from cli.sender import Sender
    from cli.sending_screen import show_answers

    files = find_files(paths)
    sender = Sender(open_target(to, timeout), as_is=as_is)
    answers: list[Acknowledged] = []
    began = time.monotonic()
    with show_answers(len(files), is_silent=as_json) as show:

        def take(answer: Acknowledged, is_last_of_file: bool) -> None:
            answers.append(answer)
            show(answer, is_last_of_file)

        sender.run(files, connections, take)
    _finish(answers, time.monotonic() - began, sender.failure, to, as_json=as_json)


def _finish(answers: list[Acknowledged], seconds: float, failure: Exception | None, to: str, *, as_json: bool) -> None:
    codes = Counter(answer.code for answer in answers)
    if as_json:
        rows = [{**asdict(answer), "file": str(answer.file)} for answer in answers]
        why = str(failure or "")
        print_json({"to": to, "seconds": round(seconds, 3), "codes": codes, "failure": why, "messages": rows})
    elif answers or failure is None:
        said = ", ".join(f"{count} {code}" for code, count in sorted(codes.items())) or "nothing"
        rate = f" ({len(answers) / seconds:,.0f} a second)" if len(answers) > 1 and seconds > 0 else ""
        console().print(f"{len(answers)} sent to {to}: {said} in {seconds:.1f} s{rate}", markup=False)
    if isinstance(failure, CommandFailed):
        raise failure
    if failure is not None:
        raise CommandFailed(f"{to}: {failure}; is the receiver running? `caduceus up` starts a hub", UNREACHABLE)
    if not all(answer.is_accepted for answer in answers):
        raise typer.Exit(REFUSED)
