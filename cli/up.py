"""Start the whole hub on this machine: `up`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import HTTP_PORT, MLLP_PORT


def up(
    home: Annotated[Path, typer.Option(metavar="DIR", help="Where the hub keeps its data.")] = Path(".caduceus"),
    http_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Console, API and ingest over HTTP; 0: free, for receivers too.")
    ] = HTTP_PORT,
    mllp_port: Annotated[int, typer.Option(min=0, max=65535, help="HL7 v2 over MLLP.")] = MLLP_PORT,
    no_seed: Annotated[bool, typer.Option("--no-seed", help="Do not send the samples of the interfaces.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew: what the hub kept is removed first.")] = False,
) -> None:
    """Start the hub on 127.0.0.1 and keep it running until Ctrl-C. A second start continues where the first ended."""
    from local.up import run

    raise typer.Exit(run(home=home, http_port=http_port, mllp_port=mllp_port, seed=not no_seed, fresh=fresh))
