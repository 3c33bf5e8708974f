"""The command line: every command, and how failures end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from cli.affected import affected
from cli.connectors import connectors
from cli.convert import convert
from cli.destinations import destination
from cli.explain import explain
from cli.failure import CommandFailed
from cli.health import health
from cli.interfaces import interfaces
from cli.messages import correct, discard, messages, resend, trace
from cli.purge import purge
from cli.quarantine import quarantine
from cli.receivers import receiver, receivers
from cli.render import render
from cli.replay import replay
from cli.send import send
from cli.smoke import smoke
from cli.status import status
from cli.up import up
from cli.verify import verify

app = typer.Typer(
    help="Caduceus brings HL7 v2 and FHIR from the systems that have it to those that need it: in order, once, with a "
    "record of every hop.",
    epilog="Begin with: caduceus up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RUN, SEND, FIND, ACT, SHAPE = "Run", "Send and convert", "Find out", "Act", "Interfaces"

app.command(rich_help_panel=RUN, epilog="Example: caduceus up --home /srv/hub --no-seed")(up)
app.command(rich_help_panel=RUN, epilog="Example: caduceus health")(health)
app.command(rich_help_panel=RUN, epilog="Example: caduceus smoke http://127.0.0.1:7071")(smoke)
app.command(rich_help_panel=SEND, epilog="Example: caduceus send interfaces/hospital_adt/samples")(send)
app.command(rich_help_panel=SEND, epilog="Example: caduceus convert messages/ --out bundles/ --workers 4")(convert)
app.command(rich_help_panel=SEND, epilog="Example: caduceus render bundle.json --type ADT^A08")(render)
app.command(rich_help_panel=SEND, epilog="Example: caduceus explain message.hl7 --only lost")(explain)
app.command(rich_help_panel=FIND, epilog="Example: caduceus status")(status)
app.command(rich_help_panel=FIND, epilog="Example: caduceus messages --state quarantined")(messages)
app.command(rich_help_panel=FIND, epilog="Example: caduceus trace WV000101")(trace)
app.add_typer(quarantine, name="quarantine", rich_help_panel=FIND)
app.command(rich_help_panel=FIND, epilog="Example: caduceus affected --by hospital_adt@1")(affected)
app.command(rich_help_panel=FIND, epilog="Example: caduceus verify --heads last-week.json")(verify)
app.command(rich_help_panel=FIND, epilog="Example: caduceus connectors")(connectors)
app.command(rich_help_panel=FIND, epilog="Example: caduceus receivers")(receivers)
app.command(rich_help_panel=ACT, epilog='Example: caduceus resend WV000101 --reason "billing was down"')(resend)
app.command(
    rich_help_panel=ACT, epilog="Example: caduceus replay --affected-by hospital_adt@1 --from 2026-03-01T00:00Z"
)(replay)
app.command(
    rich_help_panel=ACT, epilog='Example: caduceus correct 1-0195 --file corrected.hl7 --reason "wrong birth date"'
)(correct)
app.command(rich_help_panel=ACT, epilog='Example: caduceus discard 1-0195 --reason "a test of the ward"')(discard)
app.command(rich_help_panel=ACT, epilog='Example: caduceus purge --yes --reason "asked by the ward"')(purge)
app.add_typer(destination, name="destination", rich_help_panel=ACT)
app.command(rich_help_panel=ACT, epilog="Example: caduceus receiver billing down")(receiver)
app.add_typer(interfaces, name="interfaces", rich_help_panel=SHAPE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what goes wrong is one sentence on standard error."""
    from shared.message.errors.base import IntegrationError

    try:
        app(args=arguments, prog_name="caduceus")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except CommandFailed as failure:
        print(f"caduceus: {failure}", file=sys.stderr)
        return failure.exit_code
    except IntegrationError as error:
        print(f"caduceus: {error}", file=sys.stderr)
        return 1
    return 0
