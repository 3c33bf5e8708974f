"""Messages one after the other, converted and taken by a store: what stands at the end."""

from __future__ import annotations

from typing import Any

import pytest

from shared.changes.apply import Applied
from shared.changes.record import CanonicalRecord
from shared.fhir.validate import validate_resource
from shared.mapping import convert
from shared.message.identifiers import Sequence
from tests.unit.changes.samples import Store
from tests.unit.mapping.samples import PID, PV1, context, message

HEAD = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||{event}|M{n}|P|2.5.1"


class Hub:
    """Converts with one context and stores what comes of it."""

    def __init__(self) -> None:
        self.store, self.context, self.n = Store(), context(), 0

    def take(self, event: str, *lines: str) -> Applied:
        """Take one message about the sample patient."""
        self.n += 1
        sent = convert(message(HEAD.format(event=event, n=self.n), *lines), self.context)
        return self.store.take(CanonicalRecord(sent.bundle, sent.changes, Sequence("ehr", 1, self.n)))

    def only(self, kind: str) -> dict[str, Any]:
        """Return the one stored resource of a type, which is valid."""
        (found,) = [one.resource for name, one in self.store.held.items() if name.startswith(kind + "/")]
        assert validate_resource(found) == []
        return found


@pytest.fixture
def hub() -> Hub:
    return Hub()


TXA = "TXA|1|DS^Summary|TX|||||||||D1^DICT|||||{completion}||{available}"
OBX = "OBX|1|TX|18842-5^Summary^LN||Came in ill.||||||F"


def test_a_change_of_status_keeps_the_document_it_speaks_of(hub: Hub):
    """T03 brings no content: what was written stays, and the status moves."""
    hub.take("MDM^T02", PID, PV1, TXA.format(completion="DI", available="AV"), OBX)
    hub.take("MDM^T03", PID, PV1, TXA.format(completion="AU", available="OB"))
    found = hub.only("DocumentReference")
    assert (found["status"], found["docStatus"]) == ("superseded", "final")
    assert found["content"][0]["attachment"]["data"]


def test_a_cancelled_document_does_not_come_back(hub: Hub):
    """T11, then the same document again."""
    hub.take("MDM^T02", PID, PV1, TXA.format(completion="DI", available="AV"), OBX)
    hub.take("MDM^T11", PID, PV1, TXA.format(completion="DI", available="AV"))
    applied = hub.take("MDM^T02", PID, PV1, TXA.format(completion="AU", available="AV"), OBX)
    assert [one.code for one in applied.findings] == ["state_refused"]
    found = hub.only("DocumentReference")
    assert (found["status"], found["docStatus"]) == ("entered-in-error", "entered-in-error")


def test_a_deleted_problem_is_kept_as_entered_in_error(hub: Hub):
    """PRB-1 DE: nothing is erased."""
    hub.take("PPR^PC1", PID, PV1, "PRB|AD|20240309|44054006^Diabetes^SCT|PR1^CARE|||||||||confirmed|active")
    hub.take("PPR^PC3", PID, PV1, "PRB|DE|20240310|44054006^Diabetes^SCT|PR1^CARE")
    found = hub.only("Condition")
    assert found["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert "clinicalStatus" not in found


def test_an_update_that_says_no_course_keeps_the_stored_one(hub: Hub):
    """PRB-14 is optional: what stands in for it counts for a new problem only."""
    hub.take("PPR^PC1", PID, PV1, "PRB|AD|20240309|44054006^Diabetes^SCT|PR1^CARE|||||||||confirmed|remission")
    hub.take("PPR^PC2", PID, PV1, "PRB|UP|20240310|44054006^Diabetes^SCT|PR1^CARE|||20240301")
    found = hub.only("Condition")
    assert found["clinicalStatus"]["coding"][0]["code"] == "remission"
    assert found["recordedDate"] == "2024-03-01"


def test_a_cancelled_referral_is_revoked_and_stays_so(hub: Hub):
    """I14; what comes later about it does not revive it."""
    rf1 = "RF1|A|R|||O|R100^EHR|20240311"
    for event in ("REF^I12", "REF^I14", "REF^I13"):
        hub.take(event, rf1, PID)
    assert hub.only("ServiceRequest")["status"] == "revoked"


def test_a_request_to_cancel_leaves_the_booking_alone(hub: Hub):
    """SRM S04 asks; SIU S15 would grant it."""
    hub.take(
        "SIU^S12",
        "SCH|P55^PORTAL|F5^SCHED|||||R^Routine|N^Normal|30|min|^^^20240401100000-0500^20240401103000-0500"
        + "|" * 14
        + "Booked",
        PID,
    )
    before = hub.only("Appointment")
    hub.take("SRM^S04", "ARQ||F5^SCHED|||||R^Routine", PID)
    after = hub.only("Appointment")
    assert {name: value for name, value in after.items() if name != "meta"} == {
        name: value for name, value in before.items() if name != "meta"
    }


def test_a_deactivated_member_of_staff_is_inactive_for_everybody(hub: Hub):
    """MFE-1 MDC on whom a visit had named."""
    hub.take("ADT^A01", PID, "PV1|1|I|W2||||4777^Attend^Ada^^^^^^GENHOSP")
    hub.take(
        "MFN^M02", "MFI|STF||UPD|||AL", "MFE|MDC|1||4777|CE", "STF|4777|4777^^^GENHOSP^EI|Attend^Ada||F|19700101|A"
    )
    found = hub.only("Practitioner")
    assert (found["active"], found["birthDate"]) == (False, "1970-01-01")


def test_a_supply_is_held_released_and_cancelled_by_its_control_codes(hub: Hub):
    """ORC-1 NW, HR, RL, CR: active, suspended, active, cancelled."""
    states = []
    for control in ("NW", "HR", "RL", "CR"):
        hub.take("OMS^O05", PID, f"ORC|{control}|P1^EHR", "RQD|1|GLV^Gloves^L|||1")
        states.append(hub.only("SupplyRequest")["status"])
    assert states == ["active", "suspended", "active", "cancelled"]
