"""What an ORU^R01 says, as the peer of bench/convert.py makes it."""

from __future__ import annotations

from typing import Any

from bench.peer_bundle import Making
from bench.peer_values import EXTENSION, HL7, V2, Json, coded, coding, concept, moment, text, typed

NORMAL = (HL7 + "v3-ObservationInterpretation", "N", "Normal")


class Results(Making):
    """The bundle of an ORU^R01."""

    def __init__(self, message: Any) -> None:
        super().__init__(message)
        self.observers: dict[str, Json] = {}
        group = message.oru_r01_patient_result
        self.person(group.oru_r01_patient.pid)
        self.visit(group.oru_r01_patient.oru_r01_visit.pv1)
        order = group.oru_r01_order_observation
        numbers = [self.number(order.orc.orc_2, "PLAC"), self.number(order.orc.orc_3, "FILL")]
        report = self.report(order.obr, numbers, self.request(order.orc, order.obr, numbers))
        found = [self.result(each.obx, numbers[1]["value"]) for each in order.oru_r01_observation]
        self.entries[report["reference"]]["resource"]["result"] = found

    def request(self, orc: Any, obr: Any, numbers: list[Json]) -> Json:
        """Add the ServiceRequest; return a reference to it."""
        control = concept(coding(V2 + "0119", text(orc.orc_1)))
        original = [{"url": EXTENSION + "alternate-codes", "valueCodeableConcept": control}]
        return self.add(
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

    def report(self, obr: Any, numbers: list[Json], request: Json) -> Json:
        """Add the DiagnosticReport; return a reference to it."""
        return self.add(
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
