"""What a message says in its structure comes back there: HL7 v2 to FHIR and back."""

from __future__ import annotations

from shared.rendering import Rendering, render
from tests.unit.mapping.samples import MSH_ADT, MSH_ORU, MSH_SIU, PID, PV1, converted
from tests.unit.rendering.samples import lines

_LEFT = frozenset({"element_not_carried", "resource_not_carried"})


def came_back(*sent: str) -> Rendering:
    """Return the message that the bundle of a message becomes."""
    return render(converted(*sent).bundle)


def segments(rendering: Rendering, *names: str) -> list[str]:
    """Return the segments of these names, in order."""
    return [line for line in lines(rendering) if line[:3] in names]


def test_each_order_has_its_own_diagnosis_and_answer_again():
    """OML_O21: a DG1 and an OBX below the second order are about no other."""
    sent = (
        "OBR|1|P1^EHR||A^First^L",
        "DG1|1||E11^Diabetes^I10|||W",
        "OBX|1|ST|FAST^Fasting^L||yes||||||F",
        "OBR|2|P2^EHR||B^Second^L",
        "DG1|1||I10^Hypertension^I10|||W",
    )
    order = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||OML^O21^OML_O21|M4|P|2.5.1"
    found = came_back(order, PID, "ORC|NW|P1^EHR", *sent[:3], "ORC|NW|P2^EHR", *sent[3:])
    said = [line.split("|")[{"DG1": 3, "OBR": 4, "OBX": 5}[line[:3]]] for line in segments(found, "OBR", "DG1", "OBX")]
    assert said == ["A^First^L", "E11^Diabetes^I10", "yes", "B^Second^L", "I10^Hypertension^I10"]
    assert not [one for one in found.findings if one.code in _LEFT]


def test_what_was_seen_of_a_specimen_stands_below_it_again():
    """ORU_R01 has an OBX below SPM: it is no result of the report."""
    found = came_back(
        MSH_ORU,
        PID,
        "OBR|1||F1^LAB|A^First^L",
        "OBX|1|NM|X^x^L||4||||||F",
        "SPM|1|S1||BLD",
        "OBX|1|NM|T^t^L||20||||||F",
    )
    assert [line[:3] for line in lines(found)] == ["MSH", "PID", "OBR", "OBX", "SPM", "OBX"]


def test_relatives_come_back_with_results():
    """ORU_R01 of 2.5.1 has NK1 behind the patient."""
    found = came_back(MSH_ORU, PID, "NK1|1|Sample^Jim|SPO^^HL70063", "OBR|1||F1^LAB|A^First^L")
    assert segments(found, "NK1") == ["NK1|1|Sample^Jim|SPO^^HL70063"]


def test_a_merge_has_its_visit_again():
    """ADT_A39 ends with PV1, and has no PV2."""
    sent = (PID, "MRG|555^^^GENHOSP^MR", PV1, "PV2|||R10^Pain^L")
    found = came_back(MSH_ADT.format(event="A40"), "EVN|A40|20240310080000-0500", *sent)
    assert [line[:3] for line in lines(found)] == ["MSH", "EVN", "PID", "MRG", "PV1"]
    assert not [one for one in found.findings if one.code == "segment_unexpected"]


def test_an_appointment_names_orders_of_other_messages():
    """SCH-26 and SCH-27 are numbers: the order itself need not be in the bundle."""
    sch = "SCH|10^A" + "|" * 24 + "Booked|P1^EHR|F1^LAB"
    (found,) = segments(
        came_back(MSH_SIU.format(event="S12"), sch, PID, "RGS|1", "AIS|1||S1^Svc^L|20240310080000"), "SCH"
    )
    assert found.endswith("|P1^EHR|F1^LAB")


def test_a_refused_vaccine_is_refused_for_no_other_reason():
    """RXA-20 RE alone: the reason that the guide's map adds is not sent as if it had been said (RXA-18)."""
    header = "MSH|^~\\&|EHR|CLINIC|IIS|STATE|20240310080000-0500||VXU^V04^VXU_V04|M5|P|2.5.1"
    rxa = "RXA|0|1|20240310|20240310|08^HepB^CVX|999" + "|" * 14 + "RE|A"
    (found,) = segments(came_back(header, PID, "ORC|RE|P1^EHR|F1^EHR", rxa), "RXA")
    assert found == rxa


def test_the_code_of_a_status_comes_back_as_it_was_sent():
    """OBX-11 X and N are both `cancelled` in R4."""
    sent = ("OBX|1|NM|X^x^L||||||||X", "OBX|2|NM|Y^y^L||||||||N")
    found = segments(came_back(MSH_ORU, PID, "OBR|1||F1^LAB|A^First^L", *sent), "OBX")
    assert [line.split("|")[11] for line in found] == ["X", "N"]


def test_a_note_on_the_patient_comes_back_behind_it():
    """ORU_R01 has NTE behind PID and PD1."""
    found = came_back(MSH_ORU, PID, "NTE|1||Needs a translator~and a chair", "OBR|1||F1^LAB|A^First^L")
    assert lines(found)[2] == "NTE|1||Needs a translator~and a chair"
