"""Files with HL7 v2 or FHIR: which are meant, and the messages in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli.failure import UNREACHABLE, CommandFailed

# In a folder other JSON is what was made of messages; by its name any file is taken.
SUFFIXES = (".hl7", ".er7", ".msg", ".txt", ".fhir.json")

# What a recorded MLLP line has after a message: sent once more, it would end the frame before its end.
_FRAME_END = re.compile(rb"\x1c[\s\x1c]*\Z")
# What a sender or an editor put before a message; not the mark that begins a frame, which is of the line.
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n\t ]*(?=MSH[^A-Za-z0-9\s])")

Paths = Annotated[
    list[Path], typer.Argument(metavar="FILE|DIR...", help=f"Files, or folders with {', '.join(SUFFIXES)} in them.")
]


@dataclass(frozen=True, slots=True)
class FileMessage:
    """One message of a file.

    Attributes:
        number: Its place in the file, from 1.
        is_last: No other follows in the file.
        before: A byte order mark and blank lines before the only message of a file.
    """

    file: Path
    number: int
    is_last: bool
    raw: bytes
    before: bytes = b""


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files meant, each once: those named, and those in the folders named, in the order of their names.

    Raises:
        CommandFailed: a path does not exist, or there is no file at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.name.lower().endswith(SUFFIXES) and one.is_file())
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            raise CommandFailed(f"{path} does not exist; name a file or a folder", UNREACHABLE)
    if not found:
        named = " ".join(map(str, paths))
        raise CommandFailed(f"there is no file with {', '.join(SUFFIXES)} in {named}; name another folder", UNREACHABLE)
    return list(found)


def is_fhir(raw: bytes) -> bool:
    """Tell whether a message is FHIR in JSON; HL7 v2 begins with MSH."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def read_messages(file: Path) -> list[FileMessage]:
    """Return the messages of a file, one or a batch, as they are written, without the marks of MLLP frames.

    A file that is no HL7 is one message.

    Raises:
        CommandFailed: the file cannot be read.
    """
    from shared.hl7.batch import split_batch

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read ({error.strerror}); check its rights", UNREACHABLE) from None
    bodies = [raw] if is_fhir(raw) else [_FRAME_END.sub(b"", one) for one in split_batch(raw).messages] or [raw]
    found = _BEFORE.match(raw) if len(bodies) == 1 else None
    before = found[0] if found else b""
    return [FileMessage(file, number, number == len(bodies), body, before) for number, body in enumerate(bodies, 1)]


def make_folder(out: Path) -> None:
    """Make the folder of the results, if it is not there.

    Raises:
        CommandFailed: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            f"--out {out} cannot be made ({error.strerror}); name another folder", UNREACHABLE
        ) from None


def write_result(file: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        CommandFailed: it cannot be written.
    """
    try:
        file.write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written ({error.strerror}); name another --out", UNREACHABLE) from None


def messages_of(files: Sequence[Path]) -> Iterator[FileMessage]:
    """Yield the messages of all files in order; one file at a time is in memory."""
    for file in files:
        yield from read_messages(file)
