"""What a destination gets, to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.deliver.outputs import in_short
from shared.deliver.shape import control_id_of, media_type_of, shape
from shared.hl7 import parse
from shared.message.errors.hl7 import SegmentAbsent, TextNotEncodable
from shared.message.errors.mapping import ShapeFailed
from shared.message.finding import Finding
from shared.message.identifiers import DeliveryId, DestinationId, InterfaceId, MessageId
from shared.registry.interface import Interface, Route
from tests.doubles.samples import delivery, item

ROW = delivery(
    1,
    id=DeliveryId("3-00112233445566778899aabbccddeeff"),
    item=item(1, "Patient/p1", DestinationId("app"), message=MessageId("3-0195"), interface=InterfaceId("ward")),
)
RAW = (
    "MSH|^~\\&|WARD|HERE|HUB|HERE|20250310081502+0000||ADT^A01^ADT_A01|W1|P|2.5.1||||||UNICODE UTF-8\n"
    "EVN|A01|20250310081455\n"
    "PID|1||4711^^^HERE^MR||Müller^Anna\n"
    "NK1|1|Müller^Otto\n"
    "PV1|1|I|W7^12\n"
).encode()
BUNDLE = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"resource": {"resourceType": "MessageHeader", "id": "m1"}},
        {"resource": {"resourceType": "Encounter", "id": "e1"}},
        {"resource": {"resourceType": "Patient", "id": "p1", "name": [{"family": "Müller"}]}},
    ],
}


def interface(folder: Path = Path("nowhere")) -> Interface:
    return Interface.model_validate(
        {"id": "ward", "folder": folder, "title": "W", "owner": "O", "contact": "C", "match": [{}]}
    )


def hl7(**choices: object) -> list[str]:
    """The lines of the message re-shaped by these choices."""
    route = Route.model_validate({"to": "lab", "shape": "hl7", **choices})
    assert media_type_of(route) == "application/hl7-v2"
    return shape(route, interface(), None, parse(RAW), ROW).body.decode().split("\r")


def test_a_bundle_is_sent_as_it_is():
    """What was judged valid is what is sent."""
    route = Route(to="app")
    assert media_type_of(route) == "application/fhir+json"
    assert json.loads(shape(route, interface(), BUNDLE, None, ROW).body) == BUNDLE


def test_an_event_carries_ids_and_no_content():
    """An event broker keeps and copies events; a name in one is a breach. Who sent the message is nobody's news."""
    route = Route(to="app", shape="event")
    assert media_type_of(route) == "application/cloudevents+json"
    assert json.loads(shape(route, interface(), BUNDLE, None, ROW).body) == {
        "specversion": "1.0",
        "id": "3-00112233445566778899aabbccddeeff",
        "source": "/interfaces/ward",
        "type": "caduceus.ward.A01",
        "subject": "Patient/p1",
        "datacontenttype": "application/json",
        "data": {"destination": "app", "message": "3-0195", "resources": ["Encounter/e1", "Patient/p1"]},
    }


def test_an_event_about_nobody_has_no_subject():
    """A master file update is about no patient."""
    bundle = {"resourceType": "Bundle", "entry": BUNDLE["entry"][:2]}
    event = json.loads(shape(Route(to="app", shape="event"), interface(), bundle, None, ROW).body)
    assert "subject" not in event


def test_hl7_without_choices_keeps_everything_but_the_control_id_and_the_line_ends():
    """The receiver sees the source's own time, so the same message always gives the same bytes."""
    assert hl7() == [
        "MSH|^~\\&|WARD|HERE|HUB|HERE|20250310081502+0000||ADT^A01^ADT_A01|00112233445566778899|P|2.5.1|||||"
        "|UNICODE UTF-8",
        *RAW.decode().split("\n")[1:],
    ]


def test_hl7_gets_another_version_names_and_fewer_segments():
    """A system of 1999 stops at a segment or a component that it does not know."""
    lines = hl7(
        version="2.3",
        drop=["NK1", "ZZZ"],
        set=[
            {"path": "MSH-3.1", "value": "CADUCEUS"},
            {"path": "MSH-9.3", "value": ""},
            {"path": "PID-8", "value": "A|B"},
        ],
    )
    assert lines == [
        "MSH|^~\\&|CADUCEUS|HERE|HUB|HERE|20250310081502+0000||ADT^A01|00112233445566778899|P|2.3||||||UNICODE UTF-8",
        "EVN|A01|20250310081455",
        "PID|1||4711^^^HERE^MR||Müller^Anna|||A\\F\\B",
        "PV1|1|I|W7^12",
        "",
    ]


def test_a_bundle_becomes_hl7_for_a_receiver_of_v2():
    """A clinic that sends FHIR reaches a laboratory of 1999: the route names message, version and names."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "status": "active",
        "intent": "order",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2951-2"}], "text": "Sodium"},
        "subject": {"reference": "Patient/p1"},
        "priority": "stat",
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "timestamp": "2025-03-10T08:15:00Z",
        "entry": [{"resource": order}, BUNDLE["entry"][2]],
    }
    route = Route.model_validate(
        {
            "to": "lab",
            "shape": "hl7_from_fhir",
            "message": "ORM^O01",
            "version": "2.3",
            "set": [{"path": "MSH-3.1", "value": "CADUCEUS"}],
        }
    )
    assert media_type_of(route) == "application/hl7-v2"
    assert not route.needs_raw
    shaped = shape(route, interface(), bundle, None, ROW)
    assert shaped.body.decode().split("\r")[:-1] == [
        "MSH|^~\\&|CADUCEUS||||20250310081500+0000||ORM^O01|00112233445566778899|P|2.3||||||UNICODE UTF-8",
        "PID|1||||Müller",
        "ORC|NW||||IP",
        "OBR||||2951-2^Sodium^LN|S",
    ]
    assert {finding.code for finding in shaped.findings} == {"field_missing"}


def test_what_an_older_version_has_no_place_for_is_told_with_the_bytes():
    """Promise 6: a field that does not reach a destination can be found."""
    raw = RAW.replace(b"PV1|1|I|W7^12\n", b"PV1|1|I|W7^12\nSFT|a|1|b|c\n")
    route = Route(to="lab", shape="hl7", version="2.3")
    shaped = shape(route, interface(), None, parse(raw), ROW)
    assert b"SFT" not in shaped.body
    assert ("segment_not_in_version", "SFT") in {(one.code, one.place) for one in shaped.findings}


def test_findings_in_short_keep_their_kinds_together_and_say_how_many_more():
    """A trace is read by a person: one line, not forty."""
    many = [Finding("element_not_carried", f"Patient.x{number}") for number in range(24)]
    said = in_short([Finding("field_missing", "MSH-10"), *many])
    assert said.startswith("field_missing MSH-10; element_not_carried Patient.x0, Patient.x1, ")
    assert said.endswith("; and 5 more")


def test_hl7_in_another_charset_says_so_and_can_be_read_back():
    """MSH-18 and the bytes agree, or the receiver prints rubbish on a label."""
    route = Route(to="lab", shape="hl7", charset="8859/1")
    body = shape(route, interface(), None, parse(RAW), ROW).body
    assert "Müller".encode("latin-1") in body
    message = parse(body)
    assert (message.get("MSH-18"), message.get("PID-5.1")) == ("8859/1", "Müller")


def test_what_a_charset_cannot_hold_is_an_error_that_names_the_segment_and_not_the_text():
    """A question mark in a name is another patient's name."""
    with pytest.raises(TextNotEncodable) as refused:
        shape(Route(to="lab", shape="hl7", charset="ASCII"), interface(), None, parse(RAW), ROW)
    assert refused.value.where.startswith("PID(1)")
    assert "ller" not in str(refused.value)


def test_a_dropped_segment_cannot_stop_the_message():
    """What does not travel need not be encodable."""
    plain = RAW.replace("PID|1||4711^^^HERE^MR||Müller".encode(), b"PID|1||4711^^^HERE^MR||Miller")
    route = Route(to="lab", shape="hl7", charset="ASCII", drop=("NK1",))
    assert shape(route, interface(), None, parse(plain), ROW).body.isascii()


def test_bytes_that_are_no_text_are_not_sent_on():
    """They were kept by reading them as another charset; a destination would take that for the truth."""
    broken = RAW.replace("Müller^Otto".encode(), b"M\xfcller^Otto")
    with pytest.raises(TextNotEncodable) as refused:
        shape(Route(to="lab", shape="hl7"), interface(), None, parse(broken), ROW)
    assert refused.value.where.startswith("NK1")
    shape(Route(to="lab", shape="hl7", drop=("NK1",)), interface(), None, parse(broken), ROW)


def test_a_field_of_an_absent_segment_cannot_be_set():
    """The route expects a segment that the source does not send: a person must know."""
    with pytest.raises(SegmentAbsent):
        hl7(set=[{"path": "PV2-3.1", "value": "X"}])


def test_the_control_id_is_the_deliverys_own_and_fits_the_field():
    """A resend has the same MSH-10, so a receiver knows the copy; HL7 v2.3 allows 20 characters."""
    assert control_id_of(ROW.id) == "00112233445566778899"
    assert control_id_of(DeliveryId("0-" + "ab" * 16)) != control_id_of(ROW.id)


def test_a_function_of_the_interface_gets_the_bundle_and_the_message(tmp_path):
    """A partner's own JSON is written in the partner's folder, nowhere in the engine."""
    (tmp_path / "steps.py").write_text(
        'def mine(bundle, message):\n    return {"n": len(bundle["entry"]), "ward": message.get("PV1-3.1")}\n'
    )
    route = Route(to="app", shape="steps:mine")
    assert media_type_of(route) == "application/json"
    assert shape(route, interface(tmp_path), BUNDLE, parse(RAW), ROW).body == b'{"n":3,"ward":"W7"}'


@pytest.mark.parametrize(
    ("body", "line"), [('raise ValueError("secret name")', 2), ("return {1, 2}", 1), ('return {"x": message}', 1)]
)
def test_a_function_that_fails_is_a_typed_error_without_its_text(tmp_path, body, line):
    """The text of an unknown error may hold a patient's name."""
    (tmp_path / "steps.py").write_text(f"def mine(bundle, message):\n    {body}\n")
    with pytest.raises(ShapeFailed) as failed:
        shape(Route(to="app", shape="steps:mine"), interface(tmp_path), BUNDLE, parse(RAW), ROW)
    assert f"ward/steps.py:{line}, mine: " in str(failed.value)
    assert "secret" not in str(failed.value)
