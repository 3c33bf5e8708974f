"""One HL7 v2 message as a FHIR R4 transaction bundle, with notes of how it changes what is stored."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from shared.changes.notes import ChangeNotes, ResourceChange
from shared.changes.rows import is_known
from shared.hl7 import Message
from shared.mapping.context import OWNED_BY_ADT, MappingContext
from shared.mapping.custom import add_custom, without_claimed
from shared.mapping.frame import Frame
from shared.mapping.grouping import Node, group, place_of
from shared.mapping.header import start
from shared.mapping.identity import Resolver
from shared.mapping.observation_value import explain_corrections
from shared.mapping.order import RESULT_MESSAGES
from shared.mapping.registry import HANDLERS
from shared.mapping.repeated import drop_repeated
from shared.mapping.rows import Resource
from shared.mapping.scope import Scope, Taken
from shared.mapping.text_lines import end_texts
from shared.message.finding import Finding

# Created when missing, never updated, by a message type that does not own them (DESIGN section 6).
_SHARED_TYPES = OWNED_BY_ADT | {"Device"}


class Conversion(NamedTuple):
    """What a message became.

    Attributes:
        bundle: A transaction Bundle; PUT by id, references by fullUrl. Parts of it may be shared between bundles:
            read it, do not change it.
        changes: How its resources change what is stored.
        findings: What was noticed: first of the message's form (`Message.findings`), then in message order of
            discovery.
    """

    bundle: Resource
    changes: ChangeNotes
    findings: list[Finding]


def convert(
    message: Message,
    context: MappingContext,
    *,
    resolver: Resolver | None = None,
    trace: list[Taken] | None = None,
) -> Conversion:
    """Return the conversion of a message; equal messages and contexts give equal bundles.

    Args:
        message: The message.
        context: What its interface declares.
        resolver: Answers the claims of this message, instead of the context's own.
        trace: Collects what each row carried, for a report.
    """
    root, findings = group(message.segments)
    scope = Scope(message, root.segment, context, resolver or context.resolver, trace)
    scope.findings += message.findings
    scope.findings += without_claimed(findings, message.segments, scope)
    if not is_known(scope.code):
        scope.findings.append(Finding("type_unknown", "MSH-9", "mapped by its segments"))
    bundle: Resource = {"resourceType": "Bundle", "id": "", "type": "transaction"}
    frame = start(root, scope, bundle)
    _walk(root, frame, scope)
    end_texts(scope)
    explain_corrections(scope)
    drop_repeated(scope)
    bundle["entry"] = list(scope.entries.values())
    return Conversion(bundle, _changes(scope), scope.findings)


def _walk(parent: Node, frame: Frame, scope: Scope) -> None:
    custom = scope.context.custom
    for node in parent.children:
        below: Frame | None = None
        name = node.segment.name
        if name in HANDLERS:
            below = HANDLERS[name](node, frame, scope)
        elif not name.startswith("Z"):
            scope.findings.append(Finding("segment_unmapped", place_of(node.segment)))
        if name in custom:
            add_custom(node.segment, below or frame, scope)
        if node.children:
            _walk(node, below or frame, scope)


def _changes(scope: Scope) -> ChangeNotes:
    context = scope.context
    not_owned = _not_owned(scope.code, context.owned.get(scope.code, frozenset()))
    lists = scope.child_lists()
    return ChangeNotes(
        scope.code,
        scope.event,
        tuple(_resource_changes(scope, not_owned)),
        context.repeats,
        tuple(one for one in lists if one.resource_type not in not_owned),
        tuple(scope.identity),
    )


@lru_cache(maxsize=256)
def _not_owned(code: str, owned: frozenset[str]) -> frozenset[str]:
    """Return the types that a message may create only."""
    not_owned = _SHARED_TYPES - owned
    # Who reports a result does not change the order.
    return not_owned | {"ServiceRequest"} if code in RESULT_MESSAGES else not_owned


def _resource_changes(scope: Scope, not_owned: frozenset[str]) -> list[ResourceChange]:
    """Return a note for each entry that needs one."""
    changes: list[ResourceChange] = []
    notes = scope.notes
    for url, entry in scope.entries.items():
        provisional = entry["resource"]["resourceType"] in not_owned
        said = notes.get(url)
        if said is None:
            if provisional:
                changes.append(ResourceChange(url, True))
        elif "provisional" in said:
            changes.append(ResourceChange(url, **said))
        else:
            changes.append(ResourceChange(url, provisional, **said))
    return changes
