"""The folders of interfaces: `interfaces check|list`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.options import Json
from cli.screen import console, print_json, print_table

interfaces = typer.Typer(no_args_is_help=True, help="The folders in interfaces/: check them, list them.")

_FOLDER = Path(__file__).parents[1] / "interfaces"

Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The folder of interfaces.", show_default=False)]


@interfaces.command(epilog="Example: caduceus interfaces check")
def check(
    folder: Folder = _FOLDER,
    stage: Annotated[
        str | None, typer.Option(help="Ask for one stage, its addresses too: laptop, dev, test, prod.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find every fault, with its file and line. Exit code 1: there is one."""
    from shared.registry.check import check_registry
    from shared.registry.folder import read_folder
    from shared.registry.load import check_stage
    from shared.transform.budget import over_budget

    problems = check_stage(folder, _known(stage)) if stage else check_registry(folder)
    problems = sorted([*problems, *over_budget(read_folder(folder))])
    if as_json:
        print_json({"problems": [{"file": str(one.file), "line": one.line, "text": one.text} for one in problems]})
    else:
        for problem in problems:
            console().print(str(problem), markup=False)
        console().print(_summary(folder, len(problems)), markup=False)
    if problems:
        raise typer.Exit(REFUSED)


@interfaces.command("list", epilog="Example: caduceus interfaces list")
def list_(folder: Folder = _FOLDER, as_json: Json = False) -> None:
    """Show each interface: whose messages it takes, and where they go."""
    from shared.registry.folder import read_folder

    found = [written.model for written in read_folder(folder).interfaces.values()]
    if as_json:
        print_json({"interfaces": [one.model_dump(mode="json", exclude={"folder"}) for one in found]})
        return
    rows = (
        (
            one.id,
            one.title,
            one.lifecycle,
            ", ".join(dict.fromkeys(kind for match in one.match for kind in match.types)) or "any",
            ", ".join(dict.fromkeys(f"{route.to} ({route.shape})" for route in one.routes)),
        )
        for one in found
    )
    print_table("", ("id", "title", "state", "takes", "goes to"), rows, f"no interfaces in {folder}")


def _known(stage: str) -> str:
    from shared.registry.model import STAGES

    if stage not in STAGES:
        raise CommandFailed(f"--stage {stage}: there is no such stage; it is one of {', '.join(STAGES)}", UNREACHABLE)
    return stage


def _summary(folder: Path, count: int) -> str:
    if count:
        return f"{count} {'problem' if count == 1 else 'problems'}; the hub does not start before they are mended"
    return f"{folder} has no problems"
