"""Who a message is about."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.changes.notes import IdentityEdit
from shared.hl7 import parse
from shared.message.errors.mapping import IdentityConflict, MergeCycle
from shared.message.finding import Finding
from shared.mpi import PersonIndex, Resolved
from tests.unit.mpi.samples import Feed, claims, message, play, who


def test_the_same_person_is_found_by_any_known_number(tmp_path: Path) -> None:
    """The admission carries two numbers, the result one of them, the referral the other."""

    async def scenario(index: PersonIndex) -> None:
        first = await who(index, message("1^^^HOSPITAL^MR~99^^^USA^SS"))

        assert await who(index, message("99^^^USA^SS")) == first
        assert await who(index, message("1^^^HOSPITAL^MR")) == first

    play(tmp_path, scenario)


def test_a_lookup_answers_every_claim_as_a_resolution_would_and_binds_nothing(tmp_path: Path) -> None:
    """A plan of a replay asks so; a person with several numbers must not lend the next claim an answer."""

    async def scenario(index: PersonIndex) -> None:
        asked = claims(message("1^^^HOSPITAL^MR~99^^^USA^SS", prior="2^^^HOSPITAL^MR"))
        unknown = (await index.lookup(asked)).ids
        [answer] = await index.resolve([asked])

        assert isinstance(answer, Resolved)
        assert len(set(answer.ids.values())) == 2
        assert (await index.lookup(asked)).ids == unknown == answer.ids

    play(tmp_path, scenario)


def test_a_number_without_a_type_is_a_record_number(tmp_path: Path) -> None:
    """Feeds of one hospital often differ in nothing but PID-3.5."""

    async def scenario(index: PersonIndex) -> None:
        assert await who(index, message("1^^^HOSPITAL")) == await who(index, message("1^^^HOSPITAL^MR"))

    play(tmp_path, scenario)


@pytest.mark.parametrize("other", ["1^^^CLINIC^MR", "1^^^HOSPITAL^PI", "1^^^HOSPITAL^SS", "2^^^HOSPITAL^MR"])
def test_another_assigner_type_or_number_is_somebody_else(tmp_path: Path, other: str) -> None:
    """The number alone identifies nobody."""

    async def scenario(index: PersonIndex) -> None:
        assert await who(index, message("1^^^HOSPITAL^MR")) != await who(index, message(other))

    play(tmp_path, scenario)


def test_numbers_without_an_assigner_are_their_senders(tmp_path: Path) -> None:
    """Two hospitals both send ``12345`` and nothing else: two people."""

    async def scenario(index: PersonIndex) -> None:
        here = await who(index, message("12345", sender="EHR|NORTH"))

        assert await who(index, message("12345", sender="EHR|SOUTH")) != here
        assert await who(index, message("12345", sender="EHR|NORTH", control_id="2")) == here

    play(tmp_path, scenario)


def test_an_interface_may_declare_whose_numbers_it_sends(tmp_path: Path) -> None:
    """Then they meet the same numbers that other feeds send with the assigner."""
    feed = Feed(assigner="HOSPITAL")

    async def scenario(index: PersonIndex) -> None:
        assert await who(index, message("12345", sender="LAB|X"), feed) == await who(index, message("12345^^^HOSPITAL"))

    play(tmp_path, scenario)


@pytest.mark.parametrize("number", ["0", "000", "UNKNOWN", "999", "N/A", "NONE", '""', ""])
def test_placeholders_never_make_two_people_one(tmp_path: Path, number: str) -> None:
    """Everybody without a number would share one record."""

    async def scenario(index: PersonIndex) -> None:
        first = await who(index, message(f"{number}^^^HOSPITAL^MR", control_id="1"))
        second = await who(index, message(f"{number}^^^HOSPITAL^MR", control_id="2"))

        assert first != second
        assert await who(index, message(f"{number}^^^HOSPITAL^MR", control_id="1")) == first  # sent again

    play(tmp_path, scenario)


def test_a_newborn_under_the_mothers_number_is_not_the_mother(tmp_path: Path) -> None:
    """PID-21 says whose number it is."""

    async def scenario(index: PersonIndex) -> None:
        mother = await who(index, message("1^^^HOSPITAL^MR"))

        assert await who(index, message("1^^^HOSPITAL^MR", mother="1^^^HOSPITAL^MR")) != mother

    play(tmp_path, scenario)


def test_a_known_number_with_another_name_and_birth_date_is_a_conflict(tmp_path: Path) -> None:
    """Somebody typed a wrong number: nothing may be written, and nothing learned from it."""

    async def scenario(index: PersonIndex) -> None:
        known = await who(index, message("1^^^HOSPITAL^MR", name="Muster^Eva", born="19800101"))
        wrong = message("1^^^HOSPITAL^MR~99^^^USA^SS", name="Beispiel^Max", born="19551231")
        [answer] = await index.resolve([claims(wrong)])

        assert isinstance(answer, IdentityConflict)
        assert "Beispiel" not in str(answer)
        assert await who(index, message("99^^^USA^SS")) != known

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("name", "born"),
    [
        ("Beispiel^Eva", "19800101"),  # she married
        ("Muster^Eva", "19800110"),  # a digit was corrected
        ("Müller^Eva", ""),
        ("", "19551231"),
        ("MUSTER^EVA", "19551231"),
        ("Beispiel^Eva", "1980"),  # less than a day says too little
    ],
)
def test_one_difference_is_no_conflict(tmp_path: Path, name: str, born: str) -> None:
    """Names change and dates are corrected; half of the evidence is not enough to stop a message."""

    async def scenario(index: PersonIndex) -> None:
        known = await who(index, message("1^^^HOSPITAL^MR", name="Muster^Eva", born="19800101"))

        assert await who(index, message("1^^^HOSPITAL^MR", name=name, born=born)) == known

    play(tmp_path, scenario)


def test_numbers_of_two_people_in_one_message_are_told(tmp_path: Path) -> None:
    """The stronger number decides; a person looks at it."""

    async def scenario(index: PersonIndex) -> None:
        first = await who(index, message("1^^^HOSPITAL^MR"))
        await who(index, message("99^^^USA^SS"))
        asked = claims(message("99^^^USA^SS~1^^^HOSPITAL^MR"))
        [answer] = await index.resolve([asked])

        assert isinstance(answer, Resolved)
        assert answer.resolve("Patient", asked[0]) == first
        assert answer.findings == (Finding("identifiers_disagree", "PID(1)", "1 others"),)

    play(tmp_path, scenario)


def test_a_conflict_stops_its_own_message_only(tmp_path: Path) -> None:
    """One wrong number must not hold up a batch."""

    async def scenario(index: PersonIndex) -> None:
        right = message("1^^^HOSPITAL^MR", name="Muster^Eva", born="19800101")
        wrong = message("1^^^HOSPITAL^MR", name="Beispiel^Max", born="19551231")
        answers = await index.resolve([claims(right), claims(wrong), claims(right), []])

        assert [type(answer) for answer in answers] == [Resolved, IdentityConflict, Resolved, Resolved]

    play(tmp_path, scenario)


def test_after_a_merge_the_prior_number_means_the_survivor(tmp_path: Path) -> None:
    """Systems that have not heard of the merge go on sending the old number."""

    async def scenario(index: PersonIndex) -> None:
        prior, survivor = await who(index, message("1^^^HOSPITAL^MR")), await who(index, message("2^^^HOSPITAL^MR"))
        last = await who(index, message("3^^^HOSPITAL^MR"))
        await index.edit(IdentityEdit("Patient", "A40", prior, survivor), ())
        await index.edit(IdentityEdit("Patient", "A40", survivor, last), ())

        assert await who(index, message("1^^^HOSPITAL^MR")) == last

    play(tmp_path, scenario)


def test_a_merge_in_a_circle_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    """Nobody would be left."""

    async def scenario(index: PersonIndex) -> None:
        one, other = await who(index, message("1^^^HOSPITAL^MR")), await who(index, message("2^^^HOSPITAL^MR"))
        await index.edit(IdentityEdit("Patient", "A40", one, other), ())
        with pytest.raises(MergeCycle):
            await index.edit(IdentityEdit("Patient", "A40", other, one), ())

        assert await who(index, message("1^^^HOSPITAL^MR")) == other

    play(tmp_path, scenario)


@pytest.mark.parametrize("event", ["A24", "A37", "A44", "A45", "A08"])
def test_an_event_that_merges_nobody_redirects_nothing(tmp_path: Path, event: str) -> None:
    """A link relates two records, a move takes a visit along: both people remain."""

    async def scenario(index: PersonIndex) -> None:
        one, other = await who(index, message("1^^^HOSPITAL^MR")), await who(index, message("2^^^HOSPITAL^MR"))
        await index.edit(IdentityEdit("Patient", event, one, other), ())

        assert await who(index, message("1^^^HOSPITAL^MR")) == one

    play(tmp_path, scenario)


def test_the_prior_record_of_a_merge_is_looked_up_like_any_other(tmp_path: Path) -> None:
    """MRG-1 may name a number that no message has used yet."""

    async def scenario(index: PersonIndex) -> None:
        asked = claims(message("2^^^HOSPITAL^MR", prior="1^^^HOSPITAL^MR"))
        [answer] = await index.resolve([asked])
        assert isinstance(answer, Resolved)
        survivor, prior = (answer.resolve("Patient", claim) for claim in asked)

        assert survivor != prior
        assert await who(index, message("1^^^HOSPITAL^MR")) == prior

    play(tmp_path, scenario)


def test_a_person_has_one_ordering_key_from_the_first_message_on(tmp_path: Path) -> None:
    """The second message, by another number, may arrive before the first is transformed."""

    async def scenario(index: PersonIndex) -> None:
        first = await index.subject_of(message("1^^^HOSPITAL^MR~99^^^USA^SS"), Feed(), "Patient")
        second = await index.subject_of(message("99^^^USA^SS"), Feed(), "Patient")

        assert first is not None
        assert first == second
        assert (await who(index, message("1^^^HOSPITAL^MR")),) == first

    play(tmp_path, scenario)


def test_a_message_about_nobody_has_no_subject(tmp_path: Path) -> None:
    """It is ordered with its interface."""

    async def scenario(index: PersonIndex) -> None:
        nobody = parse(b"MSH|^~\\&|EHR|HOSPITAL|||20260102||MFN^M02|1|P|2.5.1")

        assert await index.subject_of(nobody, Feed(), "Patient") == ()
        assert await index.subject_of(message("1^^^HOSPITAL^MR"), Feed(), "Encounter") == ()

    play(tmp_path, scenario)


def test_the_table_holds_no_number_and_no_name(tmp_path: Path) -> None:
    """Who steals the table must not learn who is in it."""

    async def scenario(index: PersonIndex) -> None:
        await who(index, message("4711-0815^^^HOSPITAL^MR", name="Canarius^Eva", born="19800101"))

    play(tmp_path, scenario)

    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(secret in held for secret in (b"4711-0815", b"Canarius", b"CANARIUS", b"19800101", b"HOSPITAL"))


NUMBERS = st.sampled_from(["1^^^A^MR", "2^^^A^MR", "1^^^B^MR", "9^^^USA^SS", "1^^^A^PI", "0^^^A^MR", "UNKNOWN", "7"])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(NUMBERS, min_size=1, max_size=3, unique=True), min_size=1, max_size=6))
def test_nobody_is_found_by_a_number_that_was_never_sent_with_theirs(
    tmp_path_factory: pytest.TempPathFactory, people: list[list[str]]
) -> None:
    """Two messages are about one person only where a chain of real, shared numbers joins them."""

    async def scenario(index: PersonIndex) -> None:
        found = [
            await who(index, message("~".join(numbers), control_id=str(n), sender=f"EHR|{n}"))
            for n, numbers in enumerate(people)
        ]
        groups = _joined([_real(numbers) for numbers in people])
        for one, first in enumerate(found):
            for other, second in enumerate(found):
                assert first != second or groups[one] == groups[other]

    play(tmp_path_factory.mktemp("table"), scenario)


def _real(numbers: list[str]) -> set[str]:
    return {number for number in numbers if "^" in number and not number.startswith("0")}


def _joined(people: list[set[str]]) -> list[int]:
    """Return the group of each person: people who share a number, directly or through others, are one group."""
    groups = list(range(len(people)))
    for _ in people:
        for one, first in enumerate(people):
            for other, second in enumerate(people):
                if first & second:
                    groups[one] = groups[other] = min(groups[one], groups[other])
    return groups
