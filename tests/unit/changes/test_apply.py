"""What messages, one after the other, make of a store."""

from __future__ import annotations

from typing import Any

import pytest

from shared.changes.notes import Action, ChildList, IdentityEdit, ListMode
from shared.message.errors.mapping import RecordUnreadable, SubjectConflict
from shared.ports import MetaWrite, Write
from tests.unit.changes.samples import Store, change, patient, record, url, visit

Resource = dict[str, Any]


@pytest.fixture
def store() -> Store:
    return Store()


def place(name: str, status: str = "active") -> Resource:
    return {"location": {"reference": f"Location/{name}"}, "status": status}


def result(value: str, status: str = "final", subject: str = "p", **elements: Any) -> Resource:
    about = {"reference": url(subject)}
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": status,
        "subject": about,
        "valueString": value,
    } | elements


def report(*results: str) -> Resource:
    references = [{"reference": url(one)} for one in results]
    return {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "result": references}


class TestWhatComesAgain:
    """Most of a message says what is stored already."""

    def test_the_same_words_move_on_nothing_but_the_sequence(self, store: Store) -> None:
        """Nobody reads them; but an overtaken message must not pass for new."""
        children = (ChildList("AL1", "AllergyIntolerance", url("p"), ListMode.SNAPSHOT, (url("a"),)),)
        allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": url("p")}}
        store.take(record(patient(gender="female"), allergy, n=1, children=children))
        applied = store.take(record(patient(gender="female"), allergy, n=3, children=children))
        overtaken = store.take(record(patient(gender="male"), n=2))

        assert {type(write) for write in applied.writes} == {MetaWrite}
        assert len(applied.writes) == 3
        assert overtaken.writes == ()
        assert store.said("Patient/p") == patient(gender="female")

    def test_an_older_message_in_the_same_words_is_not_written(self, store: Store) -> None:
        """It would set the sequence back."""
        store.take(record(patient(), n=2))
        applied = store.take(record(patient(), n=1))

        assert applied.writes == ()
        assert [finding.code for finding in applied.findings] == ["older_not_written"]

    def test_of_what_many_patients_share_an_older_message_in_the_same_words_tells_nothing(self, store: Store) -> None:
        """Messages of other patients come side by side: which of them named the ward first is no news."""
        ward = {"resourceType": "Location", "id": "w", "name": "4 West"}
        store.take(record(ward, n=2))
        same = store.take(record(ward, n=1))
        other = store.take(record({**ward, "name": "4 WEST"}, n=1))

        assert (same.writes, same.findings) == ((), ())
        assert (other.writes, [finding.code for finding in other.findings]) == ((), ["older_not_written"])

    def test_the_owner_confirms_what_another_created_in_the_same_words(self, store: Store) -> None:
        """The resource is provisional no more, though nothing else of it changes."""
        store.take(record(patient(), n=1, resources=(change("p", provisional=True),)))
        store.take(record(patient(), n=2))

        assert store.marks("Patient/p") == []

    def test_the_same_words_in_another_order_are_known_by_their_bytes_the_next_time(self, store: Store) -> None:
        """After a merge the store holds the elements in another order than the source sends them."""
        sent = patient(birthDate="1980", gender="female")
        store.take(record(patient(gender="female"), n=1))
        store.take(record(sent, n=2))
        again = store.take(record(sent, n=3))
        once_more = store.take(record(sent, n=4))

        assert [type(write) for write in (*again.writes, *once_more.writes)] == [Write, MetaWrite]

    def test_a_child_that_was_retired_counts_again_in_the_same_words(self, store: Store) -> None:
        """The marks, not the words, tell that it was gone."""
        nobody = (ChildList("AL1", "AllergyIntolerance", url("p"), ListMode.SNAPSHOT, ()),)
        somebody = (ChildList("AL1", "AllergyIntolerance", url("p"), ListMode.SNAPSHOT, (url("a"),)),)
        allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": url("p")}}
        store.take(record(patient(), allergy, n=1, children=somebody))
        store.take(record(patient(), n=2, children=nobody))
        gone = store.marks("AllergyIntolerance/a")
        store.take(record(patient(), allergy, n=3, children=somebody))

        assert (gone, store.marks("AllergyIntolerance/a")) == (["retired"], [])


class TestVisits:
    """State tables at work."""

    def test_an_update_after_the_discharge_leaves_the_visit_discharged(self, store: Store) -> None:
        """Monday's A08 must not undo Tuesday's discharge."""
        store.take(record(patient(), visit(), n=1, event="A01"))
        store.take(record(patient(), visit("finished", period={"end": "2026-01-02"}), n=2, event="A03"))
        store.take(record(patient(), visit("unknown", priority={"text": "x"}), n=3, event="A08"))

        assert store.said("Encounter/v")["status"] == "finished"
        assert store.said("Encounter/v")["priority"] == {"text": "x"}

    def test_a_cancelled_discharge_undoes_exactly_the_discharge(self, store: Store) -> None:
        """The patient is here again, admitted when they were admitted."""
        admitted = {"period": {"start": "2026-01-01"}, "hospitalization": {"admitSource": {"text": "a"}}}
        left = {"period": {"end": "2026-01-02"}, "hospitalization": {"dischargeDisposition": {"text": "home"}}}
        store.take(record(patient(), visit(**admitted), n=1, event="A01"))
        before = store.said("Encounter/v")
        store.take(record(patient(), visit("finished", **left), n=2, event="A03"))
        store.take(record(patient(), visit("in-progress", **left), n=3, event="A13"))

        assert store.said("Encounter/v") == before

    def test_a_cancelled_transfer_undoes_exactly_the_transfer(self, store: Store) -> None:
        """The bed that was left is taken again, and no history tells of a stay that never was."""
        store.take(record(patient(), visit(location=[place("a")]), n=1, event="A01"))
        before = store.said("Encounter/v")
        transferred = [place("b"), place("a", "completed")]
        store.take(record(patient(), visit(location=transferred), n=2, event="A02"))
        assert store.said("Encounter/v")["location"] == transferred
        store.take(record(patient(), visit(location=[place("a"), place("b", "completed")]), n=3, event="A12"))

        assert store.said("Encounter/v") == before

    def test_transfers_leave_the_way_of_the_patient(self, store: Store) -> None:
        """An infection is traced back through every ward, the latest first."""
        for n, (ward, event) in enumerate((("a", "A01"), ("b", "A02"), ("c", "A02"), ("a", "A02")), 1):
            store.take(record(patient(), visit(location=[place(ward)]), n=n, event=event))

        assert store.said("Encounter/v")["location"] == [
            place("a"), place("c", "completed"), place("b", "completed"), place("a", "completed"),
        ]  # fmt: skip

    def test_a_cancelled_pending_transfer_frees_the_reserved_bed(self, store: Store) -> None:
        """A15 reserves, A26 gives back, and the patient stays where they are."""
        store.take(record(patient(), visit(location=[place("a")]), n=1, event="A01"))
        store.take(record(patient(), visit(location=[place("a"), place("b", "reserved")]), n=2, event="A15"))
        assert place("b", "reserved") in store.said("Encounter/v")["location"]
        store.take(record(patient(), visit(), n=3, event="A26"))

        assert store.said("Encounter/v")["location"] == [place("a")]

    def test_a_cancelled_admission_leaves_a_visit_that_never_began(self, store: Store) -> None:
        """R4: cancelled is "ended before it has begun": no bed, no admission time."""
        store.take(record(patient(), visit(location=[place("a")], period={"start": "2026-01-01"}), n=1, event="A01"))
        store.take(record(patient(), visit("cancelled", location=[place("a")]), n=2, event="A11"))

        assert store.said("Encounter/v").keys() == {"resourceType", "id", "status", "class", "subject"}
        assert store.said("Encounter/v")["status"] == "cancelled"

    def test_a_refused_event_leaves_the_visit_out_and_stores_the_rest(self, store: Store) -> None:
        """The state is contradictory; the new address is not."""
        store.take(record(patient(), visit("finished"), n=1, event="A03"))
        before = store.said("Encounter/v")

        applied = store.take(record(patient(gender="other"), visit("cancelled"), n=2, event="A11"))

        assert applied.left_out == ("Encounter/v",)
        assert [(one.code, one.place, one.detail) for one in applied.findings] == [
            ("state_refused", "Encounter/v", "A11 on finished")
        ]
        assert store.said("Encounter/v") == before
        assert store.said("Patient/p")["gender"] == "other"

    def test_a_deleted_person_counts_again_when_added_again(self, store: Store) -> None:
        """A29 and A28 (HL7 3.3.28, 3.3.29)."""
        store.take(record(patient(), n=1, event="A28"))
        store.take(record(patient(), n=2, event="A29"))
        assert store.said("Patient/p")["active"] is False
        store.take(record(patient(), n=3, event="A28"))

        assert "active" not in store.said("Patient/p")


class TestAppointmentsAndOrders:
    """The other state tables at work."""

    def take(self, store: Store, n: int, event: str, status: str, said: str = "", **elements: Any) -> None:
        one = {"resourceType": "Appointment", "id": "a", "status": status, **elements}
        store.take(record(one, n=n, message="SIU", event=event, resources=(change("a", control=said),)))

    def test_a_cancelled_appointment_that_is_booked_again_has_no_reason_for_its_cancellation(
        self, store: Store
    ) -> None:
        """R4 app-4: the reason is only for what was cancelled."""
        self.take(store, 1, "S12", "booked")
        self.take(store, 2, "S15", "cancelled", cancelationReason={"text": "ill"})
        self.take(store, 3, "S13", "booked")

        assert store.said("Appointment/a") == {"resourceType": "Appointment", "id": "a", "status": "booked"}

    def test_a_status_that_the_scheduler_did_not_say_moves_nothing(self, store: Store) -> None:
        """Without SCH-25 the status is a guess from the event."""
        self.take(store, 1, "S12", "pending", said="Pending")
        self.take(store, 2, "S14", "booked", description="x")
        assert store.said("Appointment/a")["status"] == "pending"
        self.take(store, 3, "S14", "booked", said="Booked")

        assert store.said("Appointment/a")["status"] == "booked"

    @pytest.mark.parametrize(("kind", "ended"), [("ServiceRequest", "revoked"), ("MedicationRequest", "stopped")])
    def test_an_ended_order_stays_ended_in_the_words_of_its_type(self, store: Store, kind: str, ended: str) -> None:
        """R4 calls a discontinued order revoked, and a discontinued prescription stopped."""

        def take(n: int, control: str, status: str) -> None:
            one = {"resourceType": kind, "id": "s", "status": status}
            store.take(record(one, n=n, message="ORM", event="O01", resources=(change("s", control=control),)))

        take(1, "NW", "active")
        take(2, "DC", "active")
        assert store.said(f"{kind}/s")["status"] == ended
        take(3, "OH", "on-hold")

        assert store.said(f"{kind}/s")["status"] == ended


class TestOwnership:
    """Who may change what."""

    def test_a_result_never_erases_what_an_admission_wrote(self, store: Store) -> None:
        """An ORU carries a thin copy of the patient and of the visit."""
        full = patient(name=[{"family": "Muster"}], birthDate="1980-01-01", telecom=[{"value": "1"}])
        store.take(record(full, visit(period={"start": "2026-01-01"}), n=1, event="A01"))
        before = store.content()
        thin = (patient(name=[{"family": "M"}]), visit("unknown"), result("5"))
        notes = (change("p", provisional=True), change("v", provisional=True), change("o", control="F"))
        store.take(record(*thin, n=1, message="ORU", event="R01", source="lab", resources=notes))

        after = store.content()
        assert after.keys() - before.keys() == {"Observation/o"}
        assert {name: after[name] for name in before} == before

    def test_a_result_that_comes_first_creates_who_it_is_about(self, store: Store) -> None:
        """Its patient is provisional until the registration speaks."""
        thin = (patient(name=[{"family": "M"}]), result("5"))
        store.take(record(*thin, n=1, message="ORU", event="R01", resources=(change("p", provisional=True),)))
        assert store.marks("Patient/p") == ["provisional"]
        store.take(record(patient(name=[{"family": "Muster"}]), n=2, event="A04"))

        assert store.marks("Patient/p") == []
        assert store.said("Patient/p")["name"] == [{"family": "Muster"}]

    def test_nobody_known_by_no_number_is_marked_for_review(self, store: Store) -> None:
        """An id made from the message is found by nobody else."""
        store.take(record(patient(), n=1, resources=(change("p", unidentified=True),)))

        assert store.marks("Patient/p") == ["unidentified"]


class TestResults:
    """Results and corrections."""

    def take(self, store: Store, n: int, control: str, one: Resource) -> Any:
        notes = (change("o", control=control),)
        return store.take(record(one, n=n, message="ORU", event="R01", source="lab", resources=notes))

    def test_a_late_preliminary_result_is_refused(self, store: Store) -> None:
        """P, F, C: forward only, however late a copy comes."""
        self.take(store, 1, "F", result("5"))

        applied = self.take(store, 2, "P", result("4", "preliminary"))

        assert applied.left_out == ("Observation/o",)
        assert store.said("Observation/o")["valueString"] == "5"

    def test_a_final_status_without_the_result_keeps_the_result(self, store: Store) -> None:
        """OBX-11 U: nothing but the status changes (table 0085)."""
        self.take(store, 1, "P", result("5", "preliminary"))
        self.take(store, 2, "U", result("", "final"))

        assert (store.said("Observation/o")["status"], store.said("Observation/o")["valueString"]) == ("final", "5")

    def test_a_withdrawn_result_stays_to_be_seen_as_withdrawn(self, store: Store) -> None:
        """Whoever acted on it must be able to see what it was."""
        self.take(store, 1, "F", result("5"))
        self.take(store, 2, "W", result("", "entered-in-error"))

        assert store.said("Observation/o")["status"] == "entered-in-error"
        assert store.said("Observation/o")["valueString"] == "5"

    def test_a_result_that_never_was_leaves_no_reference_to_it(self, store: Store) -> None:
        """A deletion of something unknown is left out, also of the report that lists it."""
        notes = (change("o", control="D"),)
        one = record(
            result("", "entered-in-error"), report("o", "o2"), result("7") | {"id": "o2"},
            n=1, message="ORU", event="R01", resources=notes,
        )  # fmt: skip
        store.take(one)

        assert "Observation/o" not in store.held
        assert store.said("DiagnosticReport/r")["result"] == [{"reference": "Observation/o2"}]

    def test_the_same_filler_number_for_another_patient_is_refused_as_a_whole(self, store: Store) -> None:
        """One of the two patients would read the other's result."""
        self.take(store, 1, "F", result("5"))
        before = store.content()
        other = record(patient() | {"id": "q"}, result("6", subject="q"), n=2, message="ORU", event="R01", source="lab")

        with pytest.raises(SubjectConflict):
            store.take(other)

        assert store.content() == before

    def test_a_correction_after_a_merge_finds_the_survivor(self, store: Store) -> None:
        """The result was stored for the number that is no longer used."""
        store.take(record(patient(), result("5"), n=1, message="ORU", event="R01"))
        survivor = patient() | {"id": "q"}
        store.take(record(survivor, n=2, event="A40", identity=(IdentityEdit("Patient", "A40", "p", "q"),)))
        thin = (change("q", provisional=True), change("o", control="C"))
        correction = result("6", "corrected", subject="q")
        store.take(record(survivor, correction, n=3, message="ORU", event="R01", resources=thin))

        assert store.said("Observation/o")["valueString"] == "6"
        assert store.said("Observation/o")["subject"] == {"reference": "Patient/q"}


class TestLists:
    """Children as a snapshot, and by action code."""

    def allergy(self, name: str) -> Resource:
        about = {"reference": url("p")}
        return {"resourceType": "AllergyIntolerance", "id": name, "patient": about, "code": {"text": name}}

    def take(self, store: Store, n: int, *names: str, source: str = "ehr", mode: ListMode = ListMode.SNAPSHOT) -> Any:
        members = tuple(url(name) for name in names)
        children = (ChildList("AL1", "AllergyIntolerance", url("p"), mode, members),)
        return store.take(record(patient(), *map(self.allergy, names), n=n, source=source, children=children))

    def status(self, store: Store, name: str) -> str | None:
        coded = store.said(f"AllergyIntolerance/{name}").get("clinicalStatus")
        return coded["coding"][0]["code"] if coded else None

    def test_a_child_that_is_no_longer_listed_is_retired(self, store: Store) -> None:
        """It stays to be read, and no longer counts."""
        self.take(store, 1, "nuts", "milk")
        self.take(store, 2, "milk")

        assert self.status(store, "nuts") == "inactive"
        assert store.marks("AllergyIntolerance/nuts") == ["retired"]
        assert self.status(store, "milk") is None

    def test_a_child_that_is_listed_again_counts_again(self, store: Store) -> None:
        """A list that was cut short by mistake is repaired by the next one."""
        self.take(store, 1, "nuts", "milk")
        self.take(store, 2, "milk")
        self.take(store, 3, "nuts", "milk")

        assert self.status(store, "nuts") == "active"
        assert store.marks("AllergyIntolerance/nuts") == []

    def test_an_empty_list_retires_every_child(self, store: Store) -> None:
        """The sender said that there are none."""
        self.take(store, 1, "nuts")
        self.take(store, 2)

        assert self.status(store, "nuts") == "inactive"

    def test_a_message_without_the_list_retires_nothing(self, store: Store) -> None:
        """Absent is not deleted."""
        self.take(store, 1, "nuts")
        store.take(record(patient(gender="other"), n=2))

        assert self.status(store, "nuts") is None

    def test_another_sources_list_retires_nothing(self, store: Store) -> None:
        """A clinic that knows one allergy does not know of the others."""
        self.take(store, 1, "nuts")
        self.take(store, 1, "milk", source="clinic")

        assert self.status(store, "nuts") is None

    def test_an_older_list_retires_nothing(self, store: Store) -> None:
        """A replayed snapshot is what was true then."""
        self.take(store, 1, "milk")
        self.take(store, 2, "milk", "nuts")
        self.take(store, 1, "milk")

        assert self.status(store, "nuts") is None

    def test_by_action_code_only_what_is_deleted_goes(self, store: Store) -> None:
        """What such a sender does not name, it does not change."""
        self.take(store, 1, "nuts", "milk", "egg", mode=ListMode.ACTION)
        gone = (change("nuts", action=Action.DELETE),)
        children = (ChildList("IAM", "AllergyIntolerance", url("p"), ListMode.ACTION, (url("nuts"),)),)
        store.take(record(patient(), self.allergy("nuts"), n=2, resources=gone, children=children))

        deleted = store.said("AllergyIntolerance/nuts")
        assert deleted["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
        assert "clinicalStatus" not in deleted  # R4 ait-2
        assert store.marks("AllergyIntolerance/milk") == []

    def test_deleting_what_was_never_stored_writes_nothing(self, store: Store) -> None:
        """There is nothing to say that it is no more."""
        gone = (change("nuts", action=Action.DELETE),)
        applied = store.take(record(patient(), self.allergy("nuts"), n=1, resources=gone))

        assert applied.left_out == ("AllergyIntolerance/nuts",)
        assert set(store.held) == {"Patient/p"}


class TestMerges:
    """Persons that a person edited together."""

    def take(self, store: Store, n: int, event: str, survivor: str, prior: str) -> Any:
        edit = IdentityEdit("Patient", event, prior, survivor)
        return store.take(record(patient() | {"id": survivor}, n=n, event=event, identity=(edit,)))

    def links(self, store: Store, name: str) -> list[tuple[str, str]]:
        links = store.said(f"Patient/{name}").get("link", [])
        return [(link["type"], link["other"]["reference"]) for link in links]

    def test_the_survivor_says_whom_it_replaces_and_the_prior_is_never_rewritten(self, store: Store) -> None:
        """An unmerge needs the prior record as its sources left it."""
        store.take(record(patient(gender="female"), n=1))
        before = store.held["Patient/p"]
        self.take(store, 2, "A40", "q", "p")

        assert self.links(store, "q") == [("replaces", "Patient/p")]
        assert store.held["Patient/p"] == before

    def test_a_chain_of_merges_is_seen_from_its_end(self, store: Store) -> None:
        """Results of the first record belong to the last one."""
        store.take(record(patient(), n=1))
        self.take(store, 2, "A40", "q", "p")
        self.take(store, 3, "A40", "r", "q")

        assert self.links(store, "r") == [("replaces", "Patient/q"), ("replaces", "Patient/p")]

    def test_a_later_update_keeps_the_link(self, store: Store) -> None:
        """No PID says whom a person replaced."""
        store.take(record(patient(), n=1))
        self.take(store, 2, "A40", "q", "p")
        store.take(record(patient(gender="other") | {"id": "q"}, n=3))

        assert self.links(store, "q") == [("replaces", "Patient/p")]

    def test_a_record_that_was_never_stored_is_not_linked(self, store: Store) -> None:
        """A link to nothing would dangle."""
        self.take(store, 1, "A40", "q", "p")

        assert self.links(store, "q") == []

    def test_a_link_by_number_leads_to_the_record_that_has_the_number(self, store: Store) -> None:
        """The message knows the prior record by its number alone, and may say so again."""
        number = {"system": "urn:id:HOSP", "value": "2"}
        by_number = {"other": {"type": "Patient", "identifier": number}, "type": "replaces"}
        survivor = patient(link=[by_number]) | {"id": "q"}
        edit = (IdentityEdit("Patient", "A40", "p", "q"),)
        store.take(record(patient(identifier=[number]), n=1))
        store.take(record(survivor, n=2, event="A40", identity=edit))
        store.take(record(survivor, n=3, event="A40"))

        (link,) = store.said("Patient/q")["link"]
        assert link == {**by_number, "other": {"reference": "Patient/p", **by_number["other"]}}

    def test_linking_and_unlinking_undo_one_another(self, store: Store) -> None:
        """A24 and A37 relate two records; neither replaces the other."""
        store.take(record(patient(), n=1))
        self.take(store, 2, "A24", "q", "p")
        assert self.links(store, "p") == [("seealso", "Patient/q")]
        assert self.links(store, "q") == [("seealso", "Patient/p")]
        self.take(store, 3, "A37", "q", "p")

        assert self.links(store, "p") == self.links(store, "q") == []

    @pytest.mark.parametrize("event", ["A44", "A45"])
    def test_a_moved_visit_changes_its_person(self, store: Store, event: str) -> None:
        """The visit was registered for the wrong patient."""
        store.take(record(patient(), visit(), n=1, event="A01"))
        moved = visit() | {"subject": {"reference": url("q")}}
        store.take(record(patient() | {"id": "q"}, moved, n=2, event=event))

        assert store.said("Encounter/v")["subject"] == {"reference": "Patient/q"}

    def test_a_visit_number_used_for_another_patient_is_refused(self, store: Store) -> None:
        """Without such an event two people share a visit by mistake."""
        store.take(record(patient(), visit(), n=1, event="A01"))

        other = record(patient() | {"id": "q"}, visit() | {"subject": {"reference": url("q")}}, n=2, event="A08")
        with pytest.raises(SubjectConflict):
            store.take(other)


def test_what_says_how_a_message_travelled_is_not_stored(store: Store) -> None:
    """A header for every message would outgrow the patients; the ledger has it."""
    header = {"resourceType": "MessageHeader", "id": "h", "sender": {"reference": url("s")}}
    sender = {"resourceType": "Organization", "id": "s"}
    assigner = {"resourceType": "Organization", "id": "a"}
    provenance = {"resourceType": "Provenance", "id": "x", "target": [{"reference": url("h")}]}
    person = patient(identifier=[{"value": "1", "assigner": {"reference": url("a")}}])
    store.take(record(header, sender, assigner, provenance, person, n=1))

    assert set(store.held) == {"Organization/a", "Patient/p"}
    assert store.said("Patient/p")["identifier"][0]["assigner"] == {"reference": "Organization/a"}


def test_notes_on_an_entry_that_is_not_there_are_unreadable() -> None:
    """Half of a record would be applied as if it were the whole."""
    with pytest.raises(RecordUnreadable):
        Store().take(record(patient(), n=1, resources=(change("q", provisional=True),)))


class TestReplay:
    """What comes again with all that followed it is no straggler (rule R8)."""

    def test_what_a_corrected_mapping_says_of_an_old_message_is_stored(self, store: Store) -> None:
        """A replay that the store ignores as older would correct nothing."""
        store.take(record(patient(gender="unknown"), n=1))
        store.take(record(patient(birthDate="1980"), n=2))

        store.take(record(patient(gender="female"), n=1), is_replay=True)
        store.take(record(patient(birthDate="1980"), n=2), is_replay=True)

        assert store.said("Patient/p") == patient(gender="female", birthDate="1980")

    def test_the_places_of_a_visit_are_not_passed_again(self, store: Store) -> None:
        """An admission that comes again after the transfer would put its ward into the history once more."""
        feed = [
            record(patient(), visit(location=[place("a")]), n=1, event="A01"),
            record(patient(), visit(location=[place("b")]), n=2, event="A02"),
        ]
        for one in feed:
            store.take(one)
        before = store.said("Encounter/v")

        for one in feed:
            store.take(one, is_replay=True)

        assert [where["location"]["reference"] for where in before["location"]] == ["Location/b", "Location/a"]
        assert store.said("Encounter/v") == before

    def test_what_many_patients_share_is_not_set_back(self, store: Store) -> None:
        """A ward belongs to no ordering key: messages that do not take part in the replay wrote it since."""
        ward = {"resourceType": "Location", "id": "w", "name": "old"}
        store.take(record(ward, n=1))
        store.take(record({**ward, "name": "new"}, n=2))

        store.take(record({**ward, "name": "older still"}, n=1), is_replay=True)

        assert store.said("Location/w")["name"] == "new"
