"""What an ADT^A01 says, as the peer of bench/convert.py makes it."""

from __future__ import annotations

from typing import Any

from bench.peer_bundle import Making
from bench.peer_values import EXTENSION, HL7, V2, Json, address, coded, coding, concept, moment, name, telecom, text

CDC = "urn:oid:2.16.840.1.113883.6.238"
MARRIED = (HL7 + "v3-MaritalStatus", "M", "Married")
CHRISTIAN = (HL7 + "v3-ReligiousAffiliation", "1013", "Christian (non-Catholic, non-specific)")
RELATIONSHIPS = {"SPO": (HL7 + "v3-RoleCode", "SPS", "spouse")}
SERVICES = {"MED": (HL7 + "service-type", "382", "Medical Services")}
DIAGNOSIS_USES = {"A": (HL7 + "diagnosis-role", "AD", "Admission Diagnosis")}


class Admission(Making):
    """The bundle of an ADT^A01."""

    def __init__(self, message: Any) -> None:
        super().__init__(message)
        operator = self.practitioner(message.evn.evn_5)
        self.provenance("enterer", operator, "event - ADT^A01", recorded=moment(message.evn.evn_2))
        self.demographics(message.pid, self.person(message.pid))
        pd1 = message.pd1
        clinic, number = text(pd1.pd1_3.xon_1), text(pd1.pd1_3.xon_3)
        at = self.add("Organization", ["number", number], identifier=[{"value": number}], name=clinic)
        patient = self.entries[self.patient["reference"]]["resource"]
        patient["generalPractitioner"] = [at, self.practitioner(pd1.pd1_4)]
        self.related(message.nk1)
        encounter = self.visit(message.pv1)
        self.stay(message.pv1, message.pv2, encounter)
        self.allergy(message.al1)
        self.diagnosis(message.dg1, encounter)

    def demographics(self, pid: Any, patient: Json) -> None:
        """Add the rest of PID to the Patient, and the account."""
        home = [telecom(each, "home") for each in pid.pid_13]
        patient["telecom"] = [*home, *(telecom(each, "work") for each in pid.pid_14)]
        patient["communication"] = [{"language": concept(coded(pid.pid_15))}]
        patient["maritalStatus"] = concept(coding(*MARRIED), coded(pid.pid_16))
        religion = concept(coding(*CHRISTIAN), coding(V2 + "0006", text(pid.pid_17.ce_1)))
        race, shown = text(pid.pid_10.ce_1), text(pid.pid_10.ce_2)
        parts = [
            {"url": "ombCategory", "valueCoding": coding(CDC, race, shown)},
            {"url": "text", "valueString": shown},
        ]
        patient["extension"] = [
            {"url": EXTENSION + "patient-religion", "valueCodeableConcept": religion},
            {"url": EXTENSION + "patient-birthPlace", "valueAddress": {"text": text(pid.pid_23)}},
            {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": parts},
        ]
        number = self.identifier(pid.pid_18)
        key = [number["system"], number["value"]]
        self.add("Account", key, identifier=[number], status="active", subject=[self.patient])

    def related(self, nk1: Any) -> None:
        """Add the RelatedPerson."""
        kind = coded(nk1.nk1_3)
        elements = {
            "patient": self.patient,
            "name": [name(nk1.nk1_2)],
            "relationship": [concept(coding(*RELATIONSHIPS[kind["code"]]), kind)],
            "address": [address(nk1.nk1_4)],
            "telecom": [telecom(each, "home") for each in nk1.nk1_5],
        }
        self.add("RelatedPerson", [self.patient["reference"], nk1.nk1_2.to_er7()], **elements)

    def stay(self, pv1: Any, pv2: Any, encounter: Json) -> None:
        """Add the rest of PV1 and PV2 to the Encounter."""
        encounter["type"] = [concept(coding(V2 + "0007", text(pv1.pv1_4), "Emergency"))]
        service = text(pv1.pv1_10)
        encounter["serviceType"] = concept(coding(*SERVICES[service]), coding(V2 + "0069", service))
        encounter["hospitalization"] = {"admitSource": concept({"code": text(pv1.pv1_14)})}
        encounter["period"] = {"start": moment(pv1.pv1_44)}
        encounter["participant"].append(self.participant(pv1.pv1_8, "REF", "referrer"))
        encounter["participant"].append(self.participant(pv1.pv1_17, "ADM", "admitter"))
        encounter["reasonCode"] = [concept(coded(pv2.pv2_3))]

    def allergy(self, al1: Any) -> None:
        """Add the AllergyIntolerance."""
        severity = {"SV": "severe"}[text(al1.al1_4)]
        kind, category = {"DA": ("allergy", "medication")}[text(al1.al1_2)]
        elements = {
            "clinicalStatus": concept(coding(HL7 + "allergyintolerance-clinical", "active")),
            "patient": self.patient,
            "type": kind,
            "code": concept(coded(al1.al1_3)),
            "category": [category],
            "reaction": [{"manifestation": [{"text": text(al1.al1_5)}], "severity": severity}],
        }
        self.add("AllergyIntolerance", [self.patient["reference"], al1.al1_3.to_er7()], **elements)

    def diagnosis(self, dg1: Any, encounter: Json) -> None:
        """Add the Condition, and its place in the Encounter."""
        elements = {
            "code": concept(coded(dg1.dg1_3)),
            "onsetDateTime": moment(dg1.dg1_5),
            "subject": self.patient,
            "encounter": self.encounter,
            "category": [concept(coding(HL7 + "condition-category", "encounter-diagnosis"))],
        }
        condition = self.add("Condition", [self.encounter["reference"], dg1.dg1_3.to_er7()], **elements)
        sent = text(dg1.dg1_6)
        use = concept(coding(*DIAGNOSIS_USES[sent]), coding(V2 + "0052", sent))
        encounter["diagnosis"] = [{"condition": condition, "use": use}]
