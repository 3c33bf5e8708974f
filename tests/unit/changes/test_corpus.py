"""Hundreds of public messages, one after the other, into one store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.changes.record import CanonicalRecord
from shared.changes.rows import has_row
from shared.fhir.validate import validate_resource
from shared.hl7 import parse
from shared.mapping import MappingContext, convert
from shared.mapping.claims.claim import ClaimDefaults
from shared.mapping.identity import MemoryResolver, Minter
from shared.message.errors.hl7 import Hl7Error
from shared.message.errors.mapping import SubjectConflict
from shared.message.identifiers import Sequence
from tests.unit.changes.samples import Store


@pytest.fixture(scope="module")
def full_store(shared_dir: Path) -> Store:
    """A store that took every message of the corpus that may write."""
    mint, store = Minter(b"a key for tests"), Store()
    context = MappingContext(mint=mint, resolver=MemoryResolver(mint), identity=ClaimDefaults())
    for n, path in enumerate(sorted((shared_dir / "corpus").rglob("*.hl7")), 1):
        try:
            message = parse(path.read_bytes())
        except Hl7Error:
            continue
        if has_row(message.code, message.event):
            conversion = convert(message, context)
            try:
                store.take(CanonicalRecord(conversion.bundle, conversion.changes, Sequence("corpus", 1, n)))
            except SubjectConflict:
                continue  # samples of different authors share visit and order numbers
    return store


@pytest.mark.corpus
@pytest.mark.slow
def test_what_merging_leaves_behind_is_valid_r4(full_store: Store) -> None:
    """Two valid versions can be merged into an invalid one: two types of a choice, a reason beside a value."""
    faults = {name: validate_resource(one.resource) for name, one in full_store.held.items()}

    assert len(faults) > 1000
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.corpus
@pytest.mark.slow
def test_nothing_in_the_store_refers_to_what_is_not_there(full_store: Store) -> None:
    """An entry that was left out must leave no reference behind."""
    referred = {target for one in full_store.held.values() for target in _references(one.resource)}

    assert referred - full_store.held.keys() == set()


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {target for item in node for target in _references(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["reference"]} if isinstance(node.get("reference"), str) else set()
    return own | {target for value in node.values() for target in _references(value)}
