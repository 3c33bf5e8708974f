"""Who a message in FHIR speaks of, in the numbers that HL7 senders use."""

from __future__ import annotations

import orjson
import pytest

from shared.fhir_in.claims import claims_of
from shared.fhir_in.document import read_document
from shared.fhir_in.source import Source, System
from shared.hl7 import parse
from shared.mapping.claims.claim import ClaimDefaults, KnownBy
from shared.mapping.claims.message import identity_claims
from shared.mapping.codes.systems import identifier_system

APP = Source("app", "R4", ClaimDefaults("GENERAL"), {"https://general.example/mrn": System("GENERAL", "PI")})
OWN_ID = KnownBy("FHIR", "source app", "7")


def claims(resource, source=APP):
    return claims_of(read_document(orjson.dumps(resource)), source)


@pytest.mark.parametrize(
    ("namespace", "universal_id", "kind"),
    [
        ("GENERAL", "", ""),
        ("GENERAL HOSPITAL", "", ""),
        ("", "1.2.840.113619", "ISO"),
        ("GEN", "1.2.840.113619", "ISO"),
        ("", "general.example", "DNS"),
        ("", "https://general.example/ids", "URI"),
        ("SSA", "", ""),
    ],
)
def test_the_assigner_of_a_system_is_the_one_that_made_it_in_hl7(namespace, universal_id, kind):
    """What CX-4 became as Identifier.system must lead back to what the identity table knows, or one person is two."""
    cx = f"70001^^^{namespace}&{universal_id}&{kind}^MR" if universal_id else f"70001^^^{namespace}^MR"
    message = parse(f"MSH|^~\\&|EHR|G|||20260301||ADT^A08|1|P|2.5.1\rPID|1||{cx}||Example\r".encode())
    [hl7] = identity_claims(message, ClaimDefaults())
    system = identifier_system(namespace, universal_id, kind)

    typed = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    [fhir] = claims({"resourceType": "Patient", "identifier": [{"type": typed, "system": system, "value": "70001"}]})

    assert [one.number for one in fhir.identifiers] == [one.number for one in hl7.identifiers]


def test_a_system_that_the_interface_names_has_its_assigner_and_type():
    """Hospitals have a URL for their numbers and a short name in CX-4: only the interface knows both."""
    [claim] = claims(
        {"resourceType": "Patient", "identifier": [{"system": "https://general.example/mrn", "value": "70001"}]}
    )
    assert claim.identifiers == (KnownBy("PI", "GENERAL", "70001"),)


def test_the_own_id_of_a_resource_ranks_last():
    """It is a number of the app; the hospital's decides whose it is."""
    [claim] = claims(
        {"resourceType": "Patient", "id": "7", "identifier": [{"system": "urn:id:GENERAL", "value": "70001"}]}
    )
    assert claim.identifiers == (KnownBy("", "GENERAL", "70001"), OWN_ID)


@pytest.mark.parametrize(
    "identifier",
    [
        {"system": "urn:id:GENERAL", "value": "0"},
        {"system": "urn:id:GENERAL", "value": "UNKNOWN"},
        {"system": "urn:id:GENERAL"},
        {"use": "old", "system": "urn:id:GENERAL", "value": "70001"},
        {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "AN"}]},
            "value": "70001",
        },
    ],
    ids=["zeros", "unknown", "no value", "old", "an account number"],
)
def test_a_number_that_identifies_nobody_is_not_claimed(identifier):
    """As in PID-3: a placeholder, an account or a number that was given away would join two people."""
    [claim] = claims({"resourceType": "Patient", "identifier": [identifier]})
    assert claim.identifiers == ()
    assert "unidentified" in claim.flags


def test_a_reference_outside_the_message_is_a_claim_and_one_inside_is_none():
    """Whoever is only referred to is looked up as well: an Observation alone belongs to somebody."""
    observation = {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/7/_history/2"}}
    [outside] = claims(observation)
    assert (outside.kind, outside.place, outside.identifiers) == ("Patient", "Observation.subject", (OWN_ID,))

    entries = [{"resource": {"resourceType": "Patient", "id": "7"}}, {"resource": observation}]
    [inside] = claims({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert inside.place == "Bundle.entry[0].resource"


def test_a_reference_by_identifier_is_a_claim():
    """R4 logical references: an app that knows the hospital's number and no id at all."""
    number = {"system": "https://general.example/mrn", "value": "70001"}
    [claim] = claims({"resourceType": "Observation", "subject": {"type": "Patient", "identifier": number}})
    assert claim.identifiers == (KnownBy("PI", "GENERAL", "70001"),)


def test_an_absolute_reference_is_the_sources_own_only_under_its_base():
    """Patient/7 of one server is somebody else than Patient/7 of another."""
    observation = {"resourceType": "Observation", "subject": {"reference": "https://app.example/fhir/Patient/7"}}
    assert claims(observation) == []
    [claim] = claims(observation, Source("app", "R4", base="https://app.example/fhir"))
    assert claim.identifiers == (OWN_ID,)


def test_an_id_beside_a_urn_is_no_number_of_the_source():
    """Ids like ``1`` in a Bundle of its own urn:uuid addresses mean somebody else in the next Bundle."""
    entry = {
        "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "resource": {"resourceType": "Patient", "id": "1"},
    }
    [claim] = claims({"resourceType": "Bundle", "type": "collection", "entry": [entry]})
    assert claim.identifiers == ()


def test_visits_are_known_by_their_visit_number():
    """PV1-19 and Encounter.identifier are one number, whatever type either names."""
    message = parse(b"MSH|^~\\&|EHR|G|||20260301||ADT^A01|1|P|2.5.1\rPID|1||7\rPV1|1|I" + b"|" * 17 + b"V1^^^GENERAL\r")
    hl7 = [one for one in identity_claims(message, ClaimDefaults("GENERAL")) if one.kind == "Encounter"]
    fhir = claims({"resourceType": "Encounter", "identifier": [{"system": "urn:id:GENERAL", "value": "V1"}]})
    assert [one.identifiers for one in fhir] == [one.identifiers for one in hl7]
