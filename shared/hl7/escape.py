"""HL7 escape sequences, both ways."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from shared.hl7.delimiters import Delimiters


def unescape(raw: str, delimiters: Delimiters, codec: str) -> str:
    r"""Return the text that ``raw`` stands for.

    ``\F\ \S\ \T\ \R\ \E\ \P\`` become the delimiters, ``\.br\`` and ``\.ce\`` a line feed, ``\.sp3\`` three,
    ``\.sk3\`` three blanks, ``\X..\`` its bytes in the message's charset; highlighting and the other formatting
    commands leave no trace. A sequence between doubled escape characters (``\\T\\``) counts once. What is none of
    these (``\C..\ \M..\ \Z..\``, a path of Windows) stays as it is.
    """
    if delimiters.escape not in raw:
        return raw
    return _unescaper(delimiters, codec)(raw)


def escape(text: str, delimiters: Delimiters) -> str:
    r"""Return ``text`` with delimiters and line ends escaped, fit for one subcomponent.

    A line feed becomes ``\.br\`` and a carriage return ``\X0D\``, so that ``unescape`` gives back the same text.
    """
    return text.translate(_escapes(delimiters))


@lru_cache(maxsize=64)
def _escapes(delimiters: Delimiters) -> dict[int, str]:
    mark = delimiters.escape
    codes = {"\n": ".br", "\r": "X0D", **{character: code for code, character in _letters(delimiters).items()}}
    return {ord(character): f"{mark}{code}{mark}" for character, code in codes.items()}


def _letters(delimiters: Delimiters) -> dict[str, str]:
    letters = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
    }
    return letters | {"P": delimiters.truncation} if delimiters.truncation else letters


@lru_cache(maxsize=256)
def _unescaper(delimiters: Delimiters, codec: str) -> Callable[[str], str]:
    mark = re.escape(delimiters.escape)
    known = {**_letters(delimiters), "H": "", "N": ""}
    pattern = re.compile(
        rf"(?P<mark>{mark}{{1,2}})"
        rf"(?:(?P<letter>[{''.join(known)}])"
        r"|[Xx](?P<hex>(?:[0-9A-Fa-f]{2})+)"
        r"|\.(?P<command>br|ce|sp|sk|fi|nf|in|ti)(?P<count>[+-]?\d{0,2}))"
        r"(?P=mark)",
    )

    def replace(match: re.Match[str]) -> str:
        letter = match["letter"]
        if letter is not None:
            return known[letter]
        if match["hex"] is not None:
            return _decoded(match["hex"], codec) or match[0]
        return _formatted(match["command"], match["count"])

    return lambda raw: pattern.sub(replace, raw)


def _decoded(digits: str, codec: str) -> str:
    try:
        return bytes.fromhex(digits).decode(codec)
    except UnicodeDecodeError:
        return ""


def _formatted(command: str, count: str) -> str:
    if command in ("br", "ce"):
        return "\n"
    if command == "sp":
        return "\n" * abs(int(count or 1))
    if command == "sk":
        return " " * abs(int(count or 1))
    return ""
