"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HTTP_PORT, MLLP_PORT = 7071, 2575  # of the hub on this machine, where nobody says another
DEFAULT_HUB = f"http://127.0.0.1:{HTTP_PORT}"

Hub = Annotated[str, typer.Option("--hub", metavar="URL", help="The hub to ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else.")]
Interfaces = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of interfaces.", show_default=False)]
Interface = Annotated[
    str | None, typer.Option(metavar="ID", help="Of FHIR: whose it is; left out: by the folder of the file.")
]
