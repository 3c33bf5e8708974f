"""Every sample of every interface: whose it is, where it goes, and what each destination gets.

The expected outcome is a file beside the sample, ``NN-what.expected.json``: for each destination that gets the message,
what it gets; ``"fhir"`` stands for the canonical bundle. Ids differ from hub to hub and are written ``<id>``.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.deliver.shape import shape
from shared.fhir.validate import validate_bundle
from shared.fhir_in.document import read_document
from shared.fhir_in.report import fhir_report
from shared.hl7 import Message, parse
from shared.mapping import Minter, convert
from shared.message.delivery import Delivery
from shared.message.envelope import ArchiveRef, Item
from shared.message.identifiers import LIVE, DeliveryId, MessageId, OrderingKey, Sequence, SessionId
from shared.message.state import DeliveryState
from shared.registry import Interface, Registry, Route, load_registry
from shared.registry.check import fhir_samples
from shared.registry.folder import read_folder
from shared.route.select import select_routes
from shared.transform.budget import over_budget
from shared.transform.contexts import MappingContexts

INTERFACES = Path(__file__).parents[2] / "interfaces"
SAMPLES = sorted(INTERFACES.rglob("samples/*.hl7"))
FHIR_SAMPLES = [one for folder in sorted(INTERFACES.glob("*/samples")) for one in fhir_samples(folder)]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DELIVERY = DeliveryId("0-" + "0123456789abcdef" * 2)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(INTERFACES, "laptop")


@pytest.fixture(scope="module")
def contexts(registry: Registry) -> MappingContexts:
    return MappingContexts(registry, b"a key for tests")


def interface_of(registry: Registry, sample: Path) -> Interface:
    return registry.interfaces[sample.parents[1].name]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.parents[1].name}/{sample.stem}")
def test_a_sample_belongs_to_its_interface_and_is_accepted(registry, sample):
    """An interface that its neighbour shadows would never see a message."""
    message = parse(sample.read_bytes())
    interface = interface_of(registry, sample)
    assert registry.match(message) is interface
    assert not interface.accepts or message.processing_id in interface.accepts


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.parents[1].name}/{sample.stem}")
def test_a_sample_gives_every_destination_what_is_expected(registry, contexts, sample):
    """The contract with each partner, in files that both can read."""
    interface = interface_of(registry, sample)
    message = parse(sample.read_bytes(), interface.charset)
    bundle = convert(message, contexts.of(interface)).bundle
    assert validate_bundle(bundle, is_closed=True) == []
    got = outcome(interface, message, bundle)
    assert got == expected_of(sample.with_suffix(".expected.json"), got)


def test_no_sample_loses_more_values_than_its_interface_allows():
    """A field that a partner sends and nobody gets is a decision, written down as `lost_budget`."""
    assert over_budget(read_folder(INTERFACES)) == []


def test_every_interface_says_what_it_may_lose(registry):
    """A budget that nobody wrote holds nobody."""
    assert [one.id for one in registry.interfaces.values() if one.mapping.lost_budget is None] == []


def test_every_expectation_has_its_sample():
    """A sample that was renamed would leave an expectation that nothing meets."""
    expected = {file.name.removesuffix(".expected.json") for file in INTERFACES.rglob("*.expected.json")}
    assert expected == {sample.stem for sample in (*SAMPLES, *FHIR_SAMPLES)}


@pytest.mark.parametrize("sample", FHIR_SAMPLES, ids=lambda sample: f"{sample.parents[1].name}/{sample.stem}")
def test_a_sample_in_fhir_gives_every_destination_what_is_expected(registry, contexts, sample):
    """The same contract with a partner that speaks FHIR; a file that is no such sample would be nobody's."""
    interface = interface_of(registry, sample)
    body = sample.read_bytes()
    document = read_document(body)
    bundle = fhir_report(body, contexts.source_of(interface), Minter(b"a key for tests")).conversion.bundle
    assert validate_bundle(bundle) == []
    assert not interface.accepts or document.processing_id in interface.accepts

    item_type = f"FHIR^{document.event}"
    wanted = [route for route in interface.routes if route.takes(item_type)]
    got = {route.to: _readable(route, interface, item_type, bundle, None) for route in wanted}
    assert got == expected_of(sample.with_suffix(".expected.json"), got)


def test_an_expectation_that_is_not_written_yet_is_shown(tmp_path):
    """Whoever adds an interface copies what they have read and found right, and invents no format."""
    with pytest.raises(pytest.fail.Exception, match=r'01-a.expected.json is not there(?s:.*)"store": "fhir"'):
        expected_of(tmp_path / "01-a.expected.json", {"store": "fhir"})


def expected_of(file: Path, got: dict[str, Any]) -> Any:
    """Return what a file says each destination gets; where it is not there, fail with what it would hold now."""
    if not file.exists():
        text = json.dumps(got, indent=2, ensure_ascii=False)
        pytest.fail(f"{file} is not there; if each destination shall get this, write it there:\n{text}", pytrace=False)
    return json.loads(file.read_bytes())


def outcome(interface: Interface, message: Message, bundle: dict[str, Any]) -> dict[str, Any]:
    """Return what each destination gets, ids left out."""
    decisions = select_routes(message.type, interface, lambda: message)
    wanted = [route for route, decision in zip(interface.routes, decisions, strict=True) if decision.is_wanted]
    return {route.to: _readable(route, interface, message.type, bundle, message) for route in wanted}


def _readable(
    route: Route, interface: Interface, item_type: str, bundle: dict[str, Any], message: Message | None
) -> Any:
    if route.shape == "fhir":
        return "fhir"
    shaped = shape(route, interface, bundle, message, _row(route, interface, item_type))
    body = shaped.body.decode(message.charset if message else "utf-8")
    if route.shape == "hl7":
        return body.split("\r")[:-1]
    return json.loads(UUID.sub("<id>", body))


def _row(route: Route, interface: Interface, item_type: str) -> Delivery:
    item = Item(
        message=MessageId("0-1"),
        interface=interface.id,
        sequence=Sequence(interface.id, 1, 1),
        key=OrderingKey("k"),
        run=LIVE,
        type=item_type,
        mapping="1",
        raw=ArchiveRef("", 0, ""),
        destination=route.to,
    )
    offered = datetime(2025, 3, 10, tzinfo=UTC)
    return Delivery(DELIVERY, SessionId("s"), "l", item, DeliveryState.INTENT, offered)
