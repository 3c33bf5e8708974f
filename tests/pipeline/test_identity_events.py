"""Merge, link, move, renumber: what each event makes of the identity table and of the store (HL7 v2.5.1 3.3)."""

from __future__ import annotations

import pytest

from shared.message.state import MessageState
from tests.pipeline.messages import adt, result

ANNA, BERT = "Example^Anna||19800101|F", "Sample^Bert||19700202|M"


def number(value, kind="MR"):
    return f"{value}^^^GENERAL^{kind}"


def edit(control_id, event, *groups):
    """Return an ADT event of these segments."""
    header = f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ADT^{event}|{control_id}|P|2.5.1"
    return ("\r".join([header, f"EVN|{event}|20260301120000+0000", *groups]) + "\r").encode()


def pid(numbers, person=ANNA, *, id_2="", account=""):
    more = "" if not account else "|" * 10 + account
    return f"PID|1|{id_2}|{numbers}||{person}{more}"


def mrg(patient="", *, account="", id_2="", visit="", other_visit=""):
    return f"MRG|{patient}||{account}|{id_2}|{visit}|{other_visit}"


def pv1(visit, other=""):
    return f"PV1|1|I|W1^101^A^GENERAL{'|' * 16}{visit}{'|' * 31 + other if other else ''}"


async def send(hub, *messages):
    for message in messages:
        await hub.take(message)
        await hub.work()


async def person(hub, value):
    """Return the id of the person whom a message with this number is about now."""
    control_id = f"ask-{value}-{len(await hub.hub.adapters.ledger.recent(1000))}"
    await send(hub, adt(control_id, "A31", number=number(value), name="", born="", visit=None))
    return (await hub.record(control_id)).key.partition("/")[2]


async def patient(hub, resource):
    [found] = [one for one in await hub.resources("Patient") if one["id"] == resource]
    return found


def values(one):
    return {identifier["value"] for identifier in one["identifier"]}


@pytest.fixture
async def hub(start_hub):
    """A hub that knows Anna by 1 and Bert by 2."""
    ready = await start_hub()
    await send(
        ready,
        adt("A1", number=number("1"), visit="V1"),
        adt("A2", number=number("2"), name="Sample^Bert", born="19700202", more="M", visit="V2"),
    )
    return ready


@pytest.mark.parametrize("event", ["A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47", "A48"])
async def test_two_known_numbers_of_one_person_become_one_record(hub, event):
    """3.3.18, 3.3.30, 3.3.34, 3.3.36, 3.3.39, 3.3.40; a number that is changed into a known one is a merge as well."""
    prior, survivor = await person(hub, "2"), await person(hub, "1")
    before = await patient(hub, prior)

    await send(hub, edit("M", event, pid(number("1")), mrg(number("2")), pv1("V1^^^GENERAL^VN")))

    assert (await hub.record("M")).state is MessageState.ROUTED
    (link,) = (await patient(hub, survivor))["link"]
    assert (link["type"], link["other"]["reference"]) == ("replaces", f"Patient/{prior}")
    assert await patient(hub, prior) == before
    assert await person(hub, "2") == await person(hub, "1") == survivor


@pytest.mark.parametrize("event", ["A34", "A39", "A46"])
async def test_a_merge_of_the_older_patient_ids_is_found_where_the_list_is_the_same(hub, event):
    """3.3.39: PID-2 and MRG-4 differ, while PID-3 and MRG-1 hold the same number."""
    await send(hub, adt("A3", "A31", number=f"{number('2')}~{number('E2', 'PI')}", name="", born="", visit=None))
    prior, survivor = await person(hub, "2"), await person(hub, "1")
    assert prior != survivor

    await send(
        hub,
        edit(
            "M",
            event,
            pid(number("2"), "", id_2=number("1")),
            mrg(number("2"), id_2=number("E2", "PI")),
        ),
    )

    assert {one["other"]["reference"] for one in (await patient(hub, survivor))["link"]} == {f"Patient/{prior}"}
    assert await person(hub, "2") == survivor


async def test_the_survivor_may_still_list_the_number_that_is_given_up(hub):
    """Many senders leave the old number among those of PID-3, often in front."""
    prior, survivor = await person(hub, "2"), await person(hub, "1")

    await send(hub, edit("M", "A40", pid(f"{number('2')}~{number('1')}"), mrg(number("2"))))

    assert await person(hub, "2") == survivor != prior
    assert "link" in await patient(hub, survivor)
    assert "identifiers_disagree" not in await hub.findings("M")


@pytest.mark.parametrize("event", ["A46", "A47", "A48"])
async def test_a_changed_number_is_the_same_record_under_a_new_one(hub, event):
    """3.3.46 to 3.3.48: nobody is replaced; the old number goes on to be understood."""
    before = await person(hub, "1")

    await send(hub, edit("M", event, pid(number("9")), mrg(number("1"))))

    numbers = {one["value"]: one.get("use") for one in (await patient(hub, before))["identifier"]}
    assert numbers == {"1": "old", "9": None}
    assert await person(hub, "9") == await person(hub, "1") == before
    assert len(await hub.resources("Patient")) == 2
    assert "link" not in await patient(hub, before)


async def test_linked_persons_see_each_other_until_they_are_unlinked(hub):
    """3.3.24, 3.3.37: two PIDs and no MRG; both records remain, and so do both their numbers."""
    one, other = await person(hub, "1"), await person(hub, "2")
    groups = (pid(number("1")), pid(number("2"), BERT))

    await send(hub, edit("L", "A24", *groups))

    assert (await patient(hub, one))["link"] == [{"other": {"reference": f"Patient/{other}"}, "type": "seealso"}]
    assert (await patient(hub, other))["link"] == [{"other": {"reference": f"Patient/{one}"}, "type": "seealso"}]
    assert (await person(hub, "1"), await person(hub, "2")) == (one, other)

    await send(hub, edit("U", "A37", *groups))

    assert "link" not in await patient(hub, one)
    assert "link" not in await patient(hub, other)


class TestMovedNumber:
    """A43, 3.3.43: one number of the list was filed under the wrong person."""

    # As the standard has it (PID-3 and MRG-1 alike, from MRG-4 to PID-2), and as senders without PID-2 write it.
    WAYS = (
        edit("M", "A43", pid(number("70"), BERT, id_2=number("2")), mrg(number("70"), id_2=number("1"))),
        edit("M", "A43", pid(f"{number('2')}~{number('70')}", BERT), mrg(number("70"))),
        edit("M", "A43", pid(number("2"), BERT), mrg(number("70"))),
    )

    @pytest.mark.parametrize("move", WAYS, ids=["by PID-2", "in PID-3", "in MRG-1 alone"])
    async def test_it_becomes_the_other_persons_and_takes_nothing_else_along(self, hub, move):
        """Results that come under it from now on are the right person's."""
        await send(hub, adt("A3", "A31", number=f"{number('1')}~{number('70')}", visit=None))
        one, other = await person(hub, "1"), await person(hub, "2")
        assert values(await patient(hub, one)) == {"1", "70"}

        await send(hub, move, result("R", number=number("70"), name="Sample^Bert"))

        assert (await person(hub, "70"), await person(hub, "1")) == (other, one)
        assert values(await patient(hub, one)) == {"1"}
        assert values(await patient(hub, other)) == {"2", "70"}
        assert "link" not in await patient(hub, other)
        [observation] = await hub.resources("Observation")
        assert observation["subject"] == {"reference": f"Patient/{other}"}

    async def test_to_nobody_it_does_not_move(self, hub):
        """Whose it becomes, the message does not say: a wrong guess would harm."""
        one = await person(hub, "1")

        await send(hub, edit("M", "A43", pid(number("1")), mrg(number("1"))))

        record = await hub.record("M")
        assert (record.state, record.code) == (MessageState.QUARANTINED, "MPI-003")
        assert await person(hub, "1") == one

    async def test_sent_again_it_changes_nothing(self, hub):
        """A resend with another control id finds the number where it belongs."""
        await send(hub, adt("A3", "A31", number=f"{number('1')}~{number('70')}", visit=None), self.WAYS[1])
        before = {one["id"]: values(one) for one in await hub.resources("Patient")}

        await send(hub, self.WAYS[1].replace(b"|M|P|", b"|M2|P|"))

        assert {one["id"]: values(one) for one in await hub.resources("Patient")} == before


@pytest.mark.parametrize("event", ["A44", "A45"])
async def test_a_moved_visit_belongs_to_the_other_person_and_both_remain(hub, event):
    """3.3.44, 3.3.45: an account, or a visit, was registered for the wrong person."""
    one, other = await person(hub, "1"), await person(hub, "2")
    [visit] = [each for each in await hub.resources("Encounter") if each["subject"]["reference"] == f"Patient/{one}"]

    moved = mrg(number("1"), account="K1", visit="V1^^^GENERAL^VN")
    await send(hub, edit("M", event, pid(number("2"), BERT, account="K1"), moved, pv1("V1^^^GENERAL^VN")))

    [after] = [each for each in await hub.resources("Encounter") if each["id"] == visit["id"]]
    assert after == visit | {"subject": {"reference": f"Patient/{other}"}} | {"meta": after["meta"]}
    assert (await person(hub, "1"), await person(hub, "2")) == (one, other)


class TestVisitNumbers:
    """A42, A45, A50, A51: the visit number is in MRG-5 and PV1-19, its alternate in MRG-6 and PV1-50."""

    async def encounters(self, hub):
        return {one["id"]: one for one in await hub.resources("Encounter")}

    async def at(self, hub, control_id, visit, other=""):
        """Return the Encounter that a message about a visit changes."""
        before = await self.encounters(hub)
        await send(hub, edit(control_id, "A08", pid(number("1")), pv1(visit, other)))
        [changed] = [name for name, one in (await self.encounters(hub)).items() if before.get(name) != one]
        return changed

    @pytest.mark.parametrize("event", ["A50", "A45"])
    async def test_a_new_number_is_the_same_visit(self, hub, event):
        """3.3.50: no second Encounter begins, and the old number goes on to be understood."""
        before = await self.at(hub, "B", "V1^^^GENERAL^VN")

        await send(
            hub,
            edit("M", event, pid(number("1")), mrg(number("1"), visit="V1^^^GENERAL^VN"), pv1("V9^^^GENERAL^VN")),
        )

        assert await self.at(hub, "C", "V9^^^GENERAL^VN") == await self.at(hub, "D", "V1^^^GENERAL^VN") == before
        assert len(await self.encounters(hub)) == 2

    async def test_a_new_alternate_number_is_the_same_visit(self, hub):
        """3.3.51: MRG-6 and PV1-50."""
        before = await self.at(hub, "B", "V1^^^GENERAL^VN", "X1^^^CLINIC")
        await send(
            hub,
            edit("M", "A51", pid(number("1")), mrg(number("1"), other_visit="X1^^^CLINIC"), pv1("", "X9^^^CLINIC")),
        )

        assert await self.at(hub, "C", "", "X9^^^CLINIC") == before
        assert len(await self.encounters(hub)) == 2

    @pytest.mark.parametrize("event", ["A42", "A50"])
    async def test_two_known_visits_become_one(self, hub, event):
        """3.3.42: what comes under the number that was given up changes the visit that remains."""
        await send(hub, adt("A3", number=number("1"), visit="V3"))
        prior, survivor = await self.at(hub, "B", "V3^^^GENERAL^VN"), await self.at(hub, "C", "V1^^^GENERAL^VN")
        before = (await self.encounters(hub))[prior]

        await send(
            hub,
            edit("M", event, pid(number("1")), mrg(number("1"), visit="V3^^^GENERAL^VN"), pv1("V1^^^GENERAL^VN")),
        )

        assert await self.at(hub, "D", "V3^^^GENERAL^VN") == survivor != prior
        assert (await self.encounters(hub))[prior] == before


class TestAccountNumbers:
    """A35, A36, A41, A44, A49: the account number is in MRG-3 and PID-18."""

    async def at(self, hub, control_id, account, of="1", name=ANNA):
        """Return the Account that a message under an account number changes."""
        before = {one["id"]: one for one in await hub.resources("Account")}
        await send(hub, edit(control_id, "A31", pid(number(of), name, account=account)))
        [changed] = [one["id"] for one in await hub.resources("Account") if before.get(one["id"]) != one]
        return changed

    async def account(self, hub, resource):
        [found] = [one for one in await hub.resources("Account") if one["id"] == resource]
        return found

    @pytest.mark.parametrize("event", ["A35", "A36", "A41", "A49"])
    async def test_two_known_accounts_become_one(self, hub, event):
        """3.3.35, 3.3.36, 3.3.41: what comes under the number that was given up is the account's that remains."""
        prior, survivor = await self.at(hub, "B", "K1"), await self.at(hub, "C", "K2")
        assert prior != survivor
        patient_1 = "2" if event == "A36" else "1"

        await send(hub, edit("M", event, pid(number("1"), account="K2"), mrg(number(patient_1), account="K1")))

        assert (await hub.record("M")).state is MessageState.ROUTED
        assert await self.at(hub, "D", "K1") == survivor
        given_up = await self.account(hub, prior)
        assert (given_up["status"], given_up["partOf"]) == ("inactive", {"reference": f"Account/{survivor}"})
        assert values(await self.account(hub, survivor)) == {"K1", "K2"}

    @pytest.mark.parametrize("event", ["A35", "A41", "A49"])
    async def test_they_edit_no_person(self, hub, event):
        """PID-3 and MRG-1 are the same: only the account number differs."""
        one = await person(hub, "1")

        await send(hub, edit("M", event, pid(number("1"), account="K2"), mrg(number("1"), account="K1")))

        assert await person(hub, "1") == one
        assert "link" not in await patient(hub, one)

    @pytest.mark.parametrize("event", ["A44", "A49"])
    async def test_a_new_number_is_the_same_account(self, hub, event):
        """3.3.49, and 3.3.44 with a new number: the old one goes on to be understood, as one no longer valid."""
        before = await self.at(hub, "B", "K1")
        of, name = ("2", BERT) if event == "A44" else ("1", ANNA)

        await send(hub, edit("M", event, pid(number(of), name, account="K9"), mrg(number("1"), account="K1")))

        [only] = await hub.resources("Account")
        assert {one["value"]: one.get("use") for one in only["identifier"]} == {"K1": "old", "K9": None}
        assert await self.at(hub, "C", "K9", of, name) == await self.at(hub, "D", "K1", of, name) == before

    async def test_sent_again_a_merge_changes_nothing(self, hub):
        """A resend with another control id finds the number redirected."""
        await self.at(hub, "B", "K1")
        await self.at(hub, "C", "K2")
        merge = edit("M", "A41", pid(number("1"), account="K2"), mrg(number("1"), account="K1"))
        await send(hub, merge)
        before = {one["id"]: one.get("partOf") for one in await hub.resources("Account")}

        await send(hub, merge.replace(b"|M|P|", b"|M2|P|"))

        assert (await hub.record("M2")).state is MessageState.ROUTED
        assert {one["id"]: one.get("partOf") for one in await hub.resources("Account")} == before

    async def test_the_other_way_round_is_a_circle(self, hub):
        """The survivor gave way before: the sender's idea of the accounts is not the hub's, and a person decides."""
        await self.at(hub, "B", "K1")
        await self.at(hub, "C", "K2")
        merge = edit("M", "A41", pid(number("1"), account="K2"), mrg(number("1"), account="K1"))
        back = edit("N", "A41", pid(number("1"), account="K1"), mrg(number("1"), account="K2"))

        await send(hub, merge, back)

        record = await hub.record("N")
        assert (record.state, record.code) == (MessageState.QUARANTINED, "MPI-002")

    async def test_a_placeholder_is_nobodys_account(self, hub):
        """All patients with account UNKNOWN would share one, which the next message would give to another of them."""
        one = await self.at(hub, "B", "UNKNOWN")
        other = await self.at(hub, "C", "UNKNOWN", "2", BERT)

        assert one != other

    async def test_a_merge_of_persons_leaves_their_accounts_apart(self, hub):
        """3.3.40: MRG-3 of an A40 says which account the prior record had, not that it is no longer one."""
        prior, survivor = await self.at(hub, "B", "K1", "2", BERT), await self.at(hub, "C", "K2")

        await send(hub, edit("M", "A40", pid(number("1"), account="K2"), mrg(number("2"), account="K1")))

        assert await self.at(hub, "D", "K1") == prior != survivor
        assert "partOf" not in await self.account(hub, prior)


class TestWhatLiesBelow:
    """What is stored below a visit, an account or a number that moves follows when it comes again."""

    async def corrected(self, hub, of, name):
        """Return what the store says of a correction of the result that comes for somebody else now."""
        await send(hub, result("R2", number=number(of), name=name))
        return (await hub.deliveries("R2"))["store"].code

    async def test_a_result_follows_the_number_it_may_have_come_under(self, hub):
        """A43: the laboratory corrects under the number that is Bert's by now; the result was stored as Anna's."""
        await send(hub, adt("A3", "A31", number=f"{number('1')}~{number('70')}", visit=None))
        await send(hub, result("R1", number=number("70"), name="Example^Anna"))
        other = await person(hub, "2")

        await send(hub, edit("M", "A43", pid(number("2"), BERT), mrg(number("70"))))

        assert (await self.corrected(hub, "70", "Sample^Bert")).startswith("stored")
        [observation] = await hub.resources("Observation")
        assert observation["subject"] == {"reference": f"Patient/{other}"}

    async def test_under_a_number_that_was_always_the_others_it_stops(self, hub):
        """The same filler number for another patient is a mistake of somebody, and no part of the move."""
        await send(hub, adt("A3", "A31", number=f"{number('1')}~{number('70')}", visit=None))
        await send(hub, result("R1", number=number("70"), name="Example^Anna"))

        await send(hub, edit("M", "A43", pid(number("2"), BERT), mrg(number("70"))))

        assert await self.corrected(hub, "2", "Sample^Bert") == "STORE-011"


async def test_several_merges_of_one_message_are_all_made(hub):
    """3.3.40: the group of PID and MRG may repeat."""
    await send(hub, adt("A3", number=number("3"), visit=None), adt("A4", number=number("4"), visit=None))

    await send(hub, edit("M", "A40", pid(number("1")), mrg(number("3")), pid(number("2"), BERT), mrg(number("4"))))

    assert await person(hub, "3") == await person(hub, "1")
    assert await person(hub, "4") == await person(hub, "2") != await person(hub, "1")


async def test_one_visit_is_one_encounter_through_its_events(hub):
    """A01, A02, A03, A08, A11, A13, in any order a source sends them."""
    for index, event in enumerate(("A02", "A08", "A03", "A13", "A08", "A11")):
        await send(hub, adt(f"V{index}", event, number=number("1"), visit="V1"))

    assert len(await hub.resources("Encounter")) == 2
