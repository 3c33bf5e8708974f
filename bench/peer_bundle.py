"""The bundle that the peer of bench/convert.py makes: what both messages say, each resource once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.peer_values import (
    ASSIGNERS,
    EXTENSION,
    HL7,
    V2,
    Json,
    address,
    coding,
    concept,
    made_id,
    moment,
    name,
    text,
    typed,
)

GENDERS = {"F": "female", "M": "male"}
LEVELS = (("pl_4", "si", "Site"), ("pl_1", "wa", "Ward"), ("pl_2", "ro", "Room"), ("pl_3", "bd", "Bed"))
UNKNOWN = {"extension": [{"url": EXTENSION + "data-absent-reason", "valueCode": "unknown"}]}


class Making:
    """The entries of a bundle in the making, each resource once."""

    def __init__(self, message: Any) -> None:
        self.entries: dict[str, Json] = {}
        self.header(message.msh)

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
