"""What `send` shows while it sends: one row for each answer, above a bar that counts files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.acknowledged import Acknowledged
from cli.screen import coloured, console
from cli.sender import OnAnswer


@contextmanager
def show_answers(file_count: int, *, is_silent: bool) -> Iterator[OnAnswer]:
    """Give what shows an answer and counts its file."""
    if is_silent:
        yield lambda _answer, _is_last: None
        return
    screen = console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        bar = progress.add_task("files", total=file_count)
        head = f"[bold]{'code':<10} {'control id':<22} {'type':<8} {'ms':>8}  file[/]\n"

        def show(answer: Acknowledged, is_last: bool) -> None:
            nonlocal head
            screen.print(head + _row(answer))
            head = ""  # above the first answer; where there is none, there is no table
            progress.advance(bar, int(is_last))

        yield show


def _row(answer: Acknowledged) -> str:
    code = coloured(answer.code).replace(answer.code, f"{answer.code:<10}")
    facts = f"{answer.control_id:<22} {answer.type:<8} {answer.milliseconds:>8.1f}  {answer.file.name}"
    number = f" ({answer.number})" if answer.number > 1 else ""
    return f"{code} {escape(facts + number)}" + (f"  {escape(answer.detail)}" if answer.detail else "")
