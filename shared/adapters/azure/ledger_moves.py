"""What steps of messages come to: the rows that move them forward, and by how much each state's count changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.adapters.azure.ledger_rows import (
    INDEXED,
    message_key,
    newest_first,
    noted_columns,
    noted_of,
    state_columns,
    state_prefix,
)
from shared.adapters.azure.table import Row, Step, tag_of
from shared.message.identifiers import LIVE, MessageId
from shared.message.record import Progress
from shared.message.state import RANK, MessageState

_PASSED = frozenset({MessageState.ROUTED, MessageState.FILTERED})


@dataclass(frozen=True, slots=True)
class Known:
    """How far a message is, what was noted about it, and the version of its row."""

    state: MessageState
    tag: str
    interface: str
    noted: frozenset[str] = frozenset()


@dataclass(slots=True)
class Moves:
    """Rows to write, and what is known of their messages once they are written; the versions are those before."""

    steps: list[Step] = field(default_factory=list)
    moved: Counter[str] = field(default_factory=Counter)
    after: dict[MessageId, Known] = field(default_factory=dict)

    def add(self, message: MessageId, before: Known, steps: Sequence[Progress]) -> None:
        """Add what the steps of one message change of its row, if anything."""
        furthest, columns, after = _furthest(before.state, steps), {}, before
        if furthest is not None:
            columns = dict(state_columns(furthest.state, furthest.code))
            after = replace(after, state=furthest.state)
            self.moved.update({furthest.state.value: 1})
            self.moved.subtract({before.state.value: 1})
        if new := {code for step in steps for code in _codes(step)} - before.noted:
            after = replace(after, noted=before.noted | new)
            columns |= noted_columns(after.noted)
        if columns:
            self.steps.append(Step("merge", message_key(message), columns, before.tag))
            self.after[message] = after
            self.steps += _index_steps(message, before, after)


def moves_of(group: Sequence[Progress], known: Mapping[MessageId, Known]) -> Moves:
    """Return what a group of steps changes; a message that the ledger does not have stays as it is not."""
    moves, by_message = Moves(), dict[MessageId, list[Progress]]()
    for step in group:
        by_message.setdefault(step.message, []).append(step)
    for message, steps in by_message.items():
        if message in known:
            moves.add(message, known[message], steps)
    return moves


def known_of(row: Row) -> Known:
    return Known(MessageState(row["state"]), tag_of(row), row["interface"], noted_of(row))


def _furthest(state: MessageState, steps: Sequence[Progress]) -> Progress | None:
    """Return the step that takes a message furthest; None: no step takes it further.

    One that came through once is not undone by a replay that fails.
    """
    furthest: Progress | None = None
    for step in steps:
        if RANK[state] < RANK[step.state] and (step.run == LIVE or state not in _PASSED):
            furthest, state = step, step.state
    return furthest


def _codes(step: Progress) -> set[str]:
    codes = {finding.code for finding in step.findings}
    return codes | {step.code} if step.code else codes


def _index_steps(message: MessageId, before: Known, after: Known) -> list[Step]:
    if before.state is after.state:
        return []
    steps, newest = [], newest_first(message)
    if before.state in INDEXED:
        steps.append(Step("delete", f"{state_prefix(before.state)}{newest}", {}))
    if after.state in INDEXED:
        named = {"message": message, "interface": after.interface}
        steps.append(Step("put", f"{state_prefix(after.state)}{newest}", named))
    return steps
