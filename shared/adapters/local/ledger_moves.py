"""How messages move on in the ledger: their states, what was noted about them, and how many are in which state."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import orjson

from shared.adapters.instant import to_microseconds
from shared.message.finding import Finding
from shared.message.identifiers import LIVE, MessageId
from shared.message.record import Hop, Progress
from shared.message.state import RANK, MessageState

_PLACES = "SELECT message, number, state FROM message WHERE message IN"
_MOVE = "UPDATE message SET state = ?, code = ? WHERE number = ?"
_RECOUNT = "INSERT INTO message_count VALUES (?, ?) ON CONFLICT DO UPDATE SET messages = messages + excluded.messages"
_HOP = """INSERT INTO hop (message, step, at, stage, code, detail, findings)
    VALUES (?1, (SELECT coalesce(max(step), 0) + 1 FROM hop WHERE message = ?1), ?2, ?3, ?4, ?5, ?6)"""
_NOTED = "INSERT OR IGNORE INTO noted VALUES (?, ?)"

_AT_ONCE = 400  # SQLite takes 999 parameters in its oldest builds


def note_steps(connection: sqlite3.Connection, steps: Sequence[Progress]) -> None:
    """Do what `Ledger.progress` says, within somebody's transaction."""
    places = _places(connection, [step.message for step in steps])
    recounted: Counter[MessageState] = Counter()
    moves: list[tuple[str, str, int]] = []
    noted: list[tuple[str, int]] = []
    for step in steps:
        number, state = places.get(step.message, (0, step.state))
        if RANK[state] < RANK[step.state] and not _is_done(step, state):
            places[step.message] = number, step.state
            moves.append((step.state, step.code, number))
            recounted[state] -= 1
            recounted[step.state] += 1
        noted += [(code, number) for code in _codes(step)]
    connection.executemany(_MOVE, moves)
    recount(connection, recounted)
    add_hops(connection, [(step.hop, step.findings) for step in steps])
    connection.executemany(_NOTED, noted)


def recount(connection: sqlite3.Connection, moved: Mapping[MessageState, int]) -> None:
    """Change how many messages are in each of these states."""
    connection.executemany(_RECOUNT, [(state, change) for state, change in moved.items() if change])


def add_hops(connection: sqlite3.Connection, hops: Iterable[tuple[Hop, Sequence[Finding]]]) -> None:
    """Add to the traces of messages, each with what was found on the way."""
    connection.executemany(_HOP, [_hop_row(hop, findings) for hop, findings in hops])


def _places(connection: sqlite3.Connection, messages: Sequence[MessageId]) -> dict[MessageId, tuple[int, MessageState]]:
    """Return number and state of each message that there is."""
    found: dict[MessageId, tuple[int, MessageState]] = {}
    for start in range(0, len(messages), _AT_ONCE):
        part = messages[start : start + _AT_ONCE]
        rows = connection.execute(f"{_PLACES} ({','.join('?' * len(part))})", part)
        found.update((message, (number, MessageState(state))) for message, number, state in rows)
    return found


def _is_done(step: Progress, state: str) -> bool:
    """Tell whether the message came through once: a replay that fails does not undo that."""
    return step.run != LIVE and state in (MessageState.ROUTED, MessageState.FILTERED)


def _codes(step: Progress) -> set[str]:
    codes = {finding.code for finding in step.findings}
    return codes | {step.code} if step.code else codes


def _hop_row(hop: Hop, findings: Iterable[Finding] = ()) -> tuple[object, ...]:
    noted = [(finding.code, finding.place, finding.detail) for finding in findings]
    return hop.message, to_microseconds(hop.at), hop.stage, hop.code, hop.detail, orjson.dumps(noted) if noted else None
