"""Interfaces: their folders (`check`, `list`), and those of a hub (`status`, `pause`, `resume`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.hub_client import HubClient, segment
from cli.options import DEFAULT_HUB, Hub, Json
from cli.screen import console, counted, print_json, print_table

interfaces = typer.Typer(no_args_is_help=True, help="Interfaces: check and list the folders; pause and resume one.")

_FOLDER = Path(__file__).parents[1] / "interfaces"

Id = Annotated[str, typer.Argument(metavar="ID", help="Folder of the interface, such as hospital_adt.")]
Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The folder of interfaces.", show_default=False)]


@interfaces.command(epilog="Example: caduceus interfaces check")
def check(
    folder: Folder = _FOLDER,
    stage: Annotated[
        str | None, typer.Option(help="Ask for one stage, its addresses too: laptop, dev, test, prod.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find every fault, with its file and line; steps.py is run over the samples. Exit code 1: there is one."""
    from cli.sample_steps import failing_steps
    from shared.registry.check import check_registry
    from shared.registry.folder import read_folder
    from shared.registry.load import check_stage
    from shared.transform.budget import over_budget

    _check_there(folder)
    refused = check_stage(folder, _known(stage)) if stage else check_registry(folder)
    read = read_folder(folder)
    problems = sorted([*refused, *over_budget(read), *failing_steps(read)])
    if as_json:
        print_json({"problems": [{"file": str(one.file), "line": one.line, "text": one.text} for one in problems]})
    else:
        for problem in problems:
            console().print(str(problem), markup=False)
        console().print(_summary(folder, len(problems), len(refused)), markup=False)
    if problems:
        raise typer.Exit(REFUSED)


@interfaces.command("list", epilog="Example: caduceus interfaces list")
def list_(folder: Folder = _FOLDER, as_json: Json = False) -> None:
    """Show each interface: whose messages it takes, and where they go."""
    from shared.registry.folder import read_folder

    _check_there(folder)
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


@interfaces.command(epilog="Example: caduceus interfaces status")
def status(hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Show every interface of a hub: whether it stands still, and how many messages wait for it."""
    client = HubClient(hub)
    listed, summary = client.get("/hub/interfaces")["interfaces"], client.get("/hub/summary")
    found = [
        {**one, "paused": one["id"] in summary["paused"], "held": summary["held"].get(one["id"], 0)} for one in listed
    ]
    if as_json:
        print_json({"interfaces": found})
        return
    rows = ((one["id"], one["title"], "paused" if one["paused"] else one["lifecycle"], one["held"]) for one in found)
    print_table("", ("id", "title", "state", "held"), rows, "no interfaces")


@interfaces.command(epilog="Example: caduceus interfaces pause hospital_adt")
def pause(name: Id, hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Stop one interface. Its messages are taken and acknowledged, and wait in order; nothing of them is sent."""
    _order(
        name, "pause", f"{name} is paused; its messages wait until `caduceus interfaces resume {name}`", hub, as_json
    )


@interfaces.command(epilog="Example: caduceus interfaces resume hospital_adt")
def resume(name: Id, hub: Hub = DEFAULT_HUB, as_json: Json = False) -> None:
    """Let a paused interface go on, from where it stopped."""
    _order(name, "resume", f"{name} goes on", hub, as_json)


def _order(name: str, order: str, done: str, hub: str, as_json: bool) -> None:
    answer = HubClient(hub).post(f"/hub/interfaces/{segment(name)}/{order}")
    if as_json:
        print_json(answer)
    elif order == "resume" and answer["paused"]:
        raise CommandFailed(f"{name} stands still all the same: its interface.toml says paused = true", REFUSED)
    else:
        console().print(done, markup=False)


def _known(stage: str) -> str:
    from shared.registry.model import STAGES

    if stage not in STAGES:
        raise CommandFailed(f"--stage {stage}: there is no such stage; it is one of {', '.join(STAGES)}", UNREACHABLE)
    return stage


def _check_there(folder: Path) -> None:
    from shared.registry.folder import INTERFACE_FILE

    if not folder.is_dir():
        raise CommandFailed(f"{folder}: there is no such folder of interfaces", UNREACHABLE)
    if (folder / INTERFACE_FILE).is_file():
        advice = f"name the folder in which it lies with the others: {folder.resolve().parent}"
        raise CommandFailed(f"{folder} is one interface; {advice}", UNREACHABLE)


def _summary(folder: Path, count: int, refused: int) -> str:
    """Return how many problems there are, and whether a hub would start with them."""
    if not count:
        return f"{folder} has no problems"
    if not refused:
        return f"{counted(count, 'problem')}; the hub starts all the same, and messages like these samples come to it"
    mended = "it is mended" if refused == 1 else "they are mended"
    more = "" if refused == count else f", {refused} of the folder"
    return f"{counted(count, 'problem')}{more}; the hub does not start before {mended}"
