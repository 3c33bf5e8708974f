"""What is given on the command line, looked at in its own words before a hub is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cli.failure import UNREACHABLE, CommandFailed


def check_reason(reason: str | None, what: str) -> None:
    """Go on where there is a reason.

    Args:
        what: What becomes of it, such as ``it is kept in the message's trace``.
    Raises:
        CommandFailed: there is none, or nothing in it.
    """
    if not (reason or "").strip():
        raise CommandFailed(f"--reason is empty: say why; {what}", UNREACHABLE)


def check_times(since: str | None, until: str | None, names: tuple[str, str]) -> None:
    """Go on where both times can be read and the window is one.

    Args:
        names: What each is called where it was given, such as ``--from``.
    Raises:
        CommandFailed: one cannot be read, or the end is not after the beginning.
    """
    begins, ends = _instant(since, names[0]), _instant(until, names[1])
    if begins is not None and ends is not None and ends <= begins:
        raise CommandFailed(f"{names[1]} is not after {names[0]}: nothing lies between them", UNREACHABLE)


def check_any(given: Mapping[str, object], advice: str) -> None:
    """Go on where anything is given.

    Raises:
        CommandFailed: nothing is.
    """
    if not any(given.values()):
        raise CommandFailed(advice, UNREACHABLE)


def _instant(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"{name} is a time such as 2026-03-01T08:00Z, not {text}", UNREACHABLE) from None
    if at.tzinfo is None:
        raise CommandFailed(f"{name} {text} needs an offset, such as {text}Z or {text}+01:00", UNREACHABLE)
    return at
