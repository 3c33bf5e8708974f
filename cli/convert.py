"""Convert files to FHIR R4 without a hub: `convert`."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.failure import REFUSED, UNREACHABLE, CommandFailed
from cli.files import Paths, find_files, make_folder
from cli.naming import output_names
from cli.options import Interface, Interfaces, Json
from cli.screen import console, counted, print_json

if TYPE_CHECKING:
    from cli.conversion import Converted, Converter, Job

_FILES_PER_PROCESS = 200  # a process takes about as long to start as so many files to convert


def convert(
    paths: Paths,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results; made if it is missing.")],
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; left out: as many as are worth starting.")
    ] = None,
    interfaces: Interfaces = None,
    interface: Interface = None,
    as_json: Json = False,
) -> None:
    """Convert HL7 v2 or FHIR files to FHIR R4 bundles, without a hub.

    Each message gives NAME.json, a valid bundle, and NAME.report.json, which says what became of every field. A message
    that cannot be converted gives only the report, with the error. Exit code 1: there is one.
    """
    from cli.conversion import Converter, Job

    files = find_files(paths)
    names = output_names(files)
    converter = Converter(interfaces, interface)
    converter.check()
    _keep_inputs(files, names, out)
    make_folder(out)
    jobs = [Job(file, names[file], out) for file in files]
    began = time.monotonic()
    groups = _run(converter, jobs, workers or min(os.cpu_count() or 1, 1 + len(jobs) // _FILES_PER_PROCESS))
    results = list(_progress(groups, len(jobs), is_silent=as_json))
    done = [one for group in results for one in group]
    _report(done, time.monotonic() - began, out, as_json=as_json)
    if any(one.error for one in done):
        raise typer.Exit(REFUSED)


def _keep_inputs(files: Sequence[Path], names: Mapping[Path, str], out: Path) -> None:
    """Refuse to write a result over the message that it is of."""
    for file in files:
        if (out / f"{names[file]}.json").resolve() == file.resolve():
            raise CommandFailed(f"{file} would be overwritten by its own bundle; name another --out", UNREACHABLE)


def _run(converter: Converter, jobs: Sequence[Job], processes: int) -> Iterator[list[Converted]]:
    """Yield the results of each file, in the order of the files."""
    if processes == 1:
        yield from map(converter.convert_file, jobs)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Spawned, not forked: the progress bar is a thread, and a fork beside a thread may hang.
    with ProcessPoolExecutor(min(processes, len(jobs)), get_context("spawn")) as pool:
        yield from pool.map(converter.convert_file, jobs, chunksize=min(32, 1 + len(jobs) // (processes * 4)))


def _progress(groups: Iterator[list[Converted]], count: int, *, is_silent: bool) -> Iterator[list[Converted]]:
    if is_silent:
        yield from groups
        return
    from rich.progress import track

    yield from track(groups, "converting", total=count, console=console(error=True), transient=True)


def _report(done: Sequence[Converted], seconds: float, out: Path, *, as_json: bool) -> None:
    failed = [one for one in done if one.error]
    if as_json:
        rows = [{"file": str(one.file), "name": one.name, "code": one.code, "error": one.error} for one in failed]
        print_json({"messages": len(done), "converted": len(done) - len(failed), "failed": rows, "out": str(out)})
        return
    screen = console()
    for one in failed:
        screen.print(f"{one.file}: {one.error}", markup=False)
    for code, count in sorted(Counter(one.code for one in failed).items()):
        screen.print(f"{count} x {code}", markup=False)
    rate = f", {len(done) / seconds:,.0f} a second" if seconds > 0 and len(done) > 1 else ""
    of = counted(len(done), "message")
    screen.print(f"{len(done) - len(failed)} of {of} converted into {out} in {seconds:.1f} s{rate}")
