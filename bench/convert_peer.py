"""The peer of bench/convert.py: the same two bundles, made with hl7apy and fhir.resources as their documentation says.

It does what we do, and no more: ``parse_message`` with its defaults, every value read through the objects that it
gives, each kind of value by a small function, codes looked up in plain dicts, resources once each, ids by ``uuid5``,
one ``Bundle`` of R4B models (which validates every resource), and ``model_dump_json``. It knows only the fields and
codes of the two messages that are measured: no conditions, no findings, no escape sequences. ``bench.convert`` compares
the bundles before it measures: all resources, elements and references are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]

V2 = "http://terminology.hl7.org/CodeSystem/v2-"
HL7 = "http://terminology.hl7.org/CodeSystem/"
EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
CDC = "urn:oid:2.16.840.1.113883.6.238"
SYSTEMS = {
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "ISO639": "urn:ietf:bcp:47",
}
ASSIGNERS = {"NPI": "http://hl7.org/fhir/sid/us-npi", "USSSA": "http://hl7.org/fhir/sid/us-ssn"}
IDENTIFIER_TYPES = {
    "MR": "Medical record number",
    "SS": "Social Security number",
    "AN": "Account number",
    "VN": "Visit number",
    "PLAC": "Placer Identifier",
    "FILL": "Filler Identifier",
}
GENDERS = {"F": "female", "M": "male"}
NAME_USES = {"L": "official"}
USES = {"PRN": "home", "WPN": "work", "H": "home"}
MARRIED = (HL7 + "v3-MaritalStatus", "M", "Married")
CHRISTIAN = (HL7 + "v3-ReligiousAffiliation", "1013", "Christian (non-Catholic, non-specific)")
RELATIONSHIPS = {"SPO": (HL7 + "v3-RoleCode", "SPS", "spouse")}
SERVICES = {"MED": (HL7 + "service-type", "382", "Medical Services")}
DIAGNOSIS_USES = {"A": (HL7 + "diagnosis-role", "AD", "Admission Diagnosis")}
NORMAL = (HL7 + "v3-ObservationInterpretation", "N", "Normal")
LEVELS = (("pl_4", "si", "Site"), ("pl_1", "wa", "Ward"), ("pl_2", "ro", "Room"), ("pl_3", "bd", "Bed"))
UNKNOWN = {"extension": [{"url": EXTENSION + "data-absent-reason", "valueCode": "unknown"}]}


def peer(raw: bytes) -> str:
    """Return the bundle of a message as JSON."""
    from fhir.resources.R4B.bundle import Bundle
    from hl7apy.parser import parse_message

    message = parse_message(raw.decode())
    bundle = Making()
    bundle.header(message.msh)
    if text(message.msh.msh_9.msg_1) == "ADT":
        bundle.admission(message)
    else:
        bundle.results(message.oru_r01_patient_result)
    made = Bundle(
        type="transaction",
        id=made_id("Bundle", text(message.msh.msh_10)),
        identifier={"system": "urn:id:message-control-id", "value": text(message.msh.msh_10)},
        timestamp=moment(message.msh.msh_7),
        entry=list(bundle.entries.values()),
    )
    return str(made.model_dump_json())


def text(element: Any) -> str:
    """Return the value of a field, component or subcomponent; empty when it is absent."""
    return element.value or ""


def made_id(kind: str, *key: str) -> str:
    """Return the id of a resource."""
    return str(uuid5(NAMESPACE_URL, "|".join((kind, *key))))


def moment(field: Any) -> str:
    """Return a date or time as FHIR writes it."""
    said = text(field)
    day = f"{said[:4]}-{said[4:6]}-{said[6:8]}"
    if len(said) == 8:
        return day
    return f"{day}T{said[8:10]}:{said[10:12]}:{said[12:14]}{said[14:17]}:{said[17:19]}"


def coding(system: str, code: str, display: str = "") -> Json:
    """Return a Coding."""
    return {"system": system, "code": code, **({"display": display} if display else {})}


def concept(*codings: Json) -> Json:
    """Return a CodeableConcept."""
    return {"coding": list(codings)}


def coded(field: Any, kind: str = "ce") -> Json:
    """Return the Coding of a CE or CWE."""
    code, display, system = (text(getattr(field, f"{kind}_{number}")) for number in (1, 2, 3))
    named = SYSTEMS.get(system) or (V2 + system.removeprefix("HL7") if system.startswith("HL7") else "")
    return {key: said for key, said in (("system", named), ("code", code), ("display", display)) if said}


def typed(code: str) -> Json:
    """Return the type of an identifier."""
    return concept(coding(V2 + "0203", code, IDENTIFIER_TYPES[code]))


def name(field: Any, kind: str = "xpn", first: int = 1) -> Json:
    """Return the HumanName of an XPN or XCN."""
    family, given, second, _, prefix = (text(getattr(field, f"{kind}_{first + step}")) for step in (0, 1, 2, 3, 4))
    found: Json = {"family": family, "given": [said for said in (given, second) if said]}
    if prefix:
        found["prefix"] = [prefix]
    use = NAME_USES.get(text(field.xpn_7)) if kind == "xpn" else None
    return {**found, "use": use} if use else found


def address(field: Any) -> Json:
    """Return the Address of an XAD."""
    use = USES.get(text(field.xad_7))
    lines = [said for said in (text(field.xad_1), text(field.xad_2)) if said]
    places = (("city", field.xad_3), ("state", field.xad_4), ("postalCode", field.xad_5), ("country", field.xad_6))
    found = {"line": lines, **{key: said for key, place in places if (said := text(place))}}
    return {"use": use, **found} if use else found


def telecom(field: Any, default: str) -> Json:
    """Return the ContactPoint of an XTN."""
    use = USES.get(text(field.xtn_2), default)
    if text(field.xtn_3) == "Internet":
        return {"system": "email", "value": text(field.xtn_4), "use": use}
    pieces = [(kind, text(getattr(field, f"xtn_{n}"))) for kind, n in (("country", 5), ("area", 6), ("local", 7))]
    extensions = [{"url": f"{EXTENSION}contactpoint-{kind}", "valueString": said} for kind, said in pieces if said]
    number = "+" + " ".join(said for _, said in pieces)
    return {"system": "phone", "value": number, "use": use, "extension": extensions}


class Making:
    """The entries of a bundle in the making, each resource once."""

    def __init__(self) -> None:
        self.entries: dict[str, Json] = {}
        self.observers: dict[str, Json] = {}

    def add(self, kind: str, key: Iterable[str], **elements: Any) -> Json:
        """Add a resource, if it is new; return a reference to it."""
        resource_id = made_id(kind, *key)
        url = f"urn:uuid:{resource_id}"
        if url not in self.entries:
            resource = {"resourceType": kind, "id": resource_id, **elements}
            request = {"method": "PUT", "url": f"{kind}/{resource_id}"}
            self.entries[url] = {"fullUrl": url, "resource": resource, "request": request}
        return {"reference": url}

    def organization(self, namespace: str) -> Json:
        """Return a reference to the organization of a name space."""
        return self.add("Organization", [namespace], identifier=[{"value": namespace}])

    def identifier(self, field: Any, default: str = "") -> Json:
        """Return the Identifier of a CX."""
        kind, assigner = text(field.cx_5) or default, text(field.cx_4)
        system = ASSIGNERS.get(assigner, f"urn:id:{assigner}")
        owner = self.organization(assigner)
        return {"type": typed(kind), "value": text(field.cx_1), "system": system, "assigner": owner}

    def practitioner(self, field: Any) -> Json:
        """Return a reference to the Practitioner of an XCN."""
        number, assigner, degree = text(field.xcn_1), text(field.xcn_9), text(field.xcn_7)
        system = ASSIGNERS.get(assigner, f"urn:id:{assigner}")
        identifier = {"system": system, "value": number, "assigner": self.organization(assigner)}
        elements: Json = {"identifier": [identifier], "name": [name(field, "xcn", 2)]}
        if degree:
            qualified = concept(coding(V2 + "0360", degree, "Doctor of Medicine"))
            elements["qualification"] = [{"code": qualified}]
        return self.add("Practitioner", [system, number], **elements)

    def location(self, field: Any) -> Json:
        """Return a reference to the narrowest Location of a PL, each part of the next."""
        path: list[str] = []
        part: Json = {}
        for component, code, display in LEVELS:
            said = text(getattr(field, component))
            path.append(said)
            physical = concept(coding(HL7 + "location-physical-type", code, display))
            within = {"partOf": part} if part else {}
            elements = {"identifier": [{"value": said}], "name": said, "mode": "instance", "physicalType": physical}
            part = self.add("Location", path, **elements, **within)
        return part

    def header(self, msh: Any) -> None:
        """Add the MessageHeader, its parties and its Provenance."""
        event = coding(V2 + "0003", text(msh.msh_9.msg_2), msh.msh_9.to_er7())
        self.key = (text(msh.msh_4.hd_1), text(msh.msh_10), text(msh.msh_7))
        self.add("MessageHeader", self.key)
        [entry] = self.entries.values()
        sender = self.organization(text(msh.msh_4.hd_1))
        application = text(msh.msh_5.hd_1)
        target = self.add("Device", [application], identifier=[{"value": application}])
        receiver = self.organization(text(msh.msh_6.hd_1))
        reached = {"name": application, "target": target, "receiver": receiver, "_endpoint": UNKNOWN}
        entry["resource"] |= {
            "source": {"name": text(msh.msh_3.hd_1), "_endpoint": UNKNOWN},
            "sender": sender,
            "destination": [reached],
            "eventCoding": event,
            "meta": {"tag": [coding(V2 + "0103", text(msh.msh_11.pt_1))]},
        }
        sent = moment(msh.msh_7)
        said = f"message - {event['display']}"
        self.provenance("author", sender, said, recorded=sent, occurredDateTime=sent)

    def provenance(self, role: str, who: Json, said: str, **times: str) -> None:
        """Add a Provenance of the message."""
        kind = concept(coding(HL7 + "provenance-participant-type", role, role.capitalize()))
        activity = {"coding": [{"display": said}]}
        target = [{"reference": "urn:uuid:" + made_id("MessageHeader", *self.key)}]
        self.add(
            "Provenance",
            [*self.key, role],
            target=target,
            activity=activity,
            agent=[{"type": kind, "who": who}],
            **times,
        )

    def person(self, pid: Any) -> Json:
        """Add the Patient; return its resource. Who sends more of it adds to it."""
        numbers = [self.identifier(number) for number in pid.pid_3]
        key = ["MR", text(pid.pid_3[0].cx_1)]
        self.patient = {"reference": "urn:uuid:" + made_id("Patient", *key)}
        elements = {
            "identifier": numbers,
            "name": [name(pid.pid_5)],
            "birthDate": moment(pid.pid_7),
            "gender": GENDERS[text(pid.pid_8)],
            "address": [address(pid.pid_11)],
        }
        self.add("Patient", key, **elements)
        found: Json = self.entries[self.patient["reference"]]["resource"]
        return found

    def visit(self, pv1: Any) -> Json:
        """Add the Encounter; return its resource."""
        number = text(pv1.pv1_19.cx_1)
        self.encounter = {"reference": "urn:uuid:" + made_id("Encounter", number)}
        elements = {
            "status": "in-progress",
            "class": coding(HL7 + "v3-ActCode", {"I": "IMP"}[text(pv1.pv1_2)], "IMP"),
            "subject": self.patient,
        }
        self.add("Encounter", [number], **elements)
        found: Json = self.entries[self.encounter["reference"]]["resource"]
        found["location"] = [{"location": self.location(pv1.pv1_3), "status": "active"}]
        found["identifier"] = [self.identifier(pv1.pv1_19, "VN")]
        found["participant"] = [self.participant(pv1.pv1_7, "ATND", "attender")]
        return found

    def participant(self, field: Any, code: str, display: str) -> Json:
        """Return one Encounter.participant."""
        role = concept(coding(HL7 + "v3-ParticipationType", code, display))
        return {"type": [role], "individual": self.practitioner(field)}

    def admission(self, message: Any) -> None:
        """Add what an ADT^A01 says."""
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

    def results(self, group: Any) -> None:
        """Add what an ORU^R01 says."""
        self.person(group.oru_r01_patient.pid)
        self.visit(group.oru_r01_patient.oru_r01_visit.pv1)
        order = group.oru_r01_order_observation
        orc, obr = order.orc, order.obr
        numbers = [self.number(orc.orc_2, "PLAC"), self.number(orc.orc_3, "FILL")]
        control = concept(coding(V2 + "0119", text(orc.orc_1)))
        original = [{"url": EXTENSION + "alternate-codes", "valueCodeableConcept": control}]
        request = self.add(
            "ServiceRequest",
            [numbers[0]["value"]],
            identifier=numbers,
            status="unknown",
            intent="order",
            _status={"extension": original},
            requester=self.practitioner(orc.orc_12),
            code=concept(coded(obr.obr_4)),
            subject=self.patient,
            encounter=self.encounter,
        )
        report = {"reference": "urn:uuid:" + made_id("DiagnosticReport", numbers[1]["value"])}
        self.add(
            "DiagnosticReport",
            [numbers[1]["value"]],
            identifier=numbers,
            basedOn=[request],
            code=concept(coded(obr.obr_4)),
            issued=moment(obr.obr_22),
            category=[concept(coding(V2 + "0074", text(obr.obr_24), "Chemistry"))],
            subject=self.patient,
            encounter=self.encounter,
            effectiveDateTime=moment(obr.obr_7),
            status={"F": "final"}[text(obr.obr_25)],
        )
        found = [self.result(each.obx, numbers[1]["value"]) for each in order.oru_r01_observation]
        self.entries[report["reference"]]["resource"]["result"] = found

    def number(self, field: Any, kind: str) -> Json:
        """Return the Identifier of an EI."""
        return {"type": typed(kind), "system": f"urn:id:{text(field.ei_2)}", "value": text(field.ei_1)}

    def observer(self, field: Any) -> Json:
        """Return a reference to the PractitionerRole of the responsible observer."""
        written = field.to_er7()
        if written not in self.observers:  # the same one for every result
            person = self.practitioner(field)
            role = concept(coding(HL7 + "practitioner-role", "responsibleObserver", "Responsible Observer"))
            key = [person["reference"]]
            self.observers[written] = self.add("PractitionerRole", key, practitioner=person, code=[role])
        return self.observers[written]

    def result(self, obx: Any, order: str) -> Json:
        """Add one Observation; return a reference to it."""
        code = coded(obx.obx_3)
        units = coded(obx.obx_6)
        unit = {"unit": units["display"], "system": units["system"], "code": units["code"]}
        said = text(obx.obx_7)
        low, high = ({"value": float(end), **unit} for end in said.split("-"))
        elements = {
            "code": concept(code),
            "referenceRange": [{"low": low, "high": high, "text": said}],
            "interpretation": [concept(coding(*NORMAL), coding(V2 + "0078", text(obx.obx_8)))],
            "status": {"F": "final"}[text(obx.obx_11)],
            "effectiveDateTime": moment(obx.obx_14),
            "performer": [self.observer(obx.obx_16)],
            "subject": self.patient,
            "encounter": self.encounter,
            "valueQuantity": {"value": float(text(obx.obx_5)), **unit},
        }
        return self.add("Observation", [order, code["code"]], **elements)


def differences(ours: bytes, theirs: str) -> list[str]:
    """Return the types of the resources that two bundles do not share, when ids are taken for what they stand for."""
    mine, other = (sorted(_named(json.loads(one))) for one in (ours, theirs))
    return [*(one for one in mine if one not in other), *(one for one in other if one not in mine)]


def _named(bundle: Json) -> list[str]:
    """Return each resource as sorted JSON, with ids that say what has them, followed from reference to reference."""
    resources = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}

    def write(url: str, depth: int) -> str:
        said = {key: value for key, value in resources[url].items() if key != "id"}
        written = json.dumps(said, sort_keys=True)
        for other in resources:
            if f'"{other}"' in written:
                written = written.replace(other, write(other, depth - 1) if depth else resources[other]["resourceType"])
        return written

    return [write(url, 1) for url in resources]
