"""Which interface a message belongs to.

A *rule* is one type pattern of one ``[[match]]`` table with the header fields that the table names. A rule fits when
every named field and the type fit. Of all rules that fit, the most specific decides:

1. the rule that names more of MSH-3, MSH-4, MSH-5 and MSH-6: who sends says more than what is sent;
2. then the exact type (``ADT^A01``) before any event (``ADT^*``) before any type.

A rule that names nothing is a catch-all, and so comes last by the same two lines. Two interfaces whose rules are
equally specific and could fit one message are an error that `check` finds, so the order of the folders never matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.hl7 import Message, Segment
from shared.registry.interface import Interface, Match

_REMEMBERED = 4096

Specificity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern of types, and the values that MSH-3 to MSH-6 may have (empty: any)."""

    pattern: str
    parties: tuple[frozenset[str], ...]
    interface: Interface

    @property
    def specificity(self) -> Specificity:
        """How much the rule asks for; more is greater."""
        named = sum(1 for values in self.parties if values)
        return named, 0 if not self.pattern else 1 if self.pattern.endswith("*") else 2

    def fits(self, message_type: str, parties: tuple[frozenset[str], ...]) -> bool:
        """Tell whether a message of this type, with these names in MSH-3 to MSH-6, belongs to the rule."""
        return _covers(self.pattern, message_type) and all(
            not wanted or not wanted.isdisjoint(sent) for wanted, sent in zip(self.parties, parties, strict=True)
        )

    def meets(self, other: Rule) -> bool:
        """Tell whether one message could fit both."""
        return (_covers(self.pattern, other.pattern) or _covers(other.pattern, self.pattern)) and all(
            not mine or not theirs or not mine.isdisjoint(theirs)
            for mine, theirs in zip(self.parties, other.parties, strict=True)
        )


def rules_of(interface: Interface) -> Iterator[tuple[int, Rule]]:
    """Yield the rules of an interface, each with the number of its ``[[match]]`` table."""
    for number, match in enumerate(interface.match):
        for pattern in match.types or ("",):
            yield number, Rule(pattern, _parties(match), interface)


class Matcher:
    """Finds the interface of a message; what it found for a header it remembers."""

    def __init__(self, interfaces: Iterable[Interface]) -> None:
        rules = [rule for interface in interfaces for _, rule in rules_of(interface)]
        self._rules = sorted(rules, key=lambda rule: rule.specificity, reverse=True)
        self._known: dict[tuple[str, ...], Interface | None] = {}

    def match(self, message: Message) -> Interface | None:
        """Return the interface of the most specific rule that fits, None when no rule does."""
        header = message.first("MSH")
        assert header is not None  # parse gives no message without one
        fields = header.fields
        key = (*fields[1:7], *fields[9:10])
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._find(message, header)
        return self._known[key]

    def _find(self, message: Message, header: Segment) -> Interface | None:
        message_type = f"{message.code}^{message.event}"
        parties = tuple(
            frozenset({header.text(number), header.text(number, component=2)} - {""}) for number in range(3, 7)
        )
        return next((rule.interface for rule in self._rules if rule.fits(message_type, parties)), None)


def _parties(match: Match) -> tuple[frozenset[str], ...]:
    return (
        frozenset(match.sending_application),
        frozenset(match.sending_facility),
        frozenset(match.receiving_application),
        frozenset(match.receiving_facility),
    )


def _covers(pattern: str, message_type: str) -> bool:
    return not pattern or pattern == message_type or (pattern.endswith("*") and message_type.startswith(pattern[:-1]))
