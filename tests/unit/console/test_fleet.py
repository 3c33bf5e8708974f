"""Who of the connectors needs a person: by what they said, and by what they did not say."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest

from shared.console.fleet import Connectors
from shared.message.beat import Beat, Certificate, Heard, MirrorState
from shared.message.errors.pipeline import NotFound
from tests.doubles.clock import NOON, SettableClock

LAPSES = "CONNECTOR-009"


class Kept:
    """A fleet in memory."""

    def __init__(self, *beats: Beat) -> None:
        self.heard = [Heard(beat, beat.sent + timedelta(seconds=2)) for beat in beats]

    async def connectors(self):
        return self.heard

    async def forget(self, name):
        return any(one.beat.connector == name for one in self.heard)


def beat(name: str = "north", **facts) -> Beat:
    return Beat(name, "0.1.0", NOON, 300, **facts)


def codes(listed):
    return [[each["code"] for each in one["concerns"]] for one in listed["connectors"]]


async def test_a_connector_says_how_it_is():
    """The list that an operator opens first when a hospital calls."""
    lapses = NOON + timedelta(days=90)
    clock = SettableClock()
    told = Connectors(Kept(beat(waiting=17, oldest=NOON, certificates=(Certificate("adt", lapses),))), clock)
    (one,) = (await told.list())["connectors"]
    assert one == {
        "name": "north", "version": "0.1.0", "last_echo": (NOON + timedelta(seconds=2)).isoformat(), "way_seconds": 2.0,
        "waiting": 17, "oldest": NOON.isoformat(), "refused": 0, "held": 0, "spool_bytes": 0, "mirror": "none",
        "certificates": [{"of": "adt", "lapses": lapses.isoformat()}], "concerns": [],
    }  # fmt: skip


@pytest.mark.parametrize(("seconds", "expected"), [(902, []), (903, ["CONNECTOR-010"])])
async def test_a_connector_is_silent_after_three_beats_that_did_not_come(seconds, expected):
    """One may wait behind a backlog, one may fall into a restart; three are silence. 3 x 300 s after it was heard."""
    clock = SettableClock()
    clock.advance(seconds)
    assert codes(await Connectors(Kept(beat()), clock).list()) == [expected]


@pytest.mark.parametrize(("days", "expected"), [(31, []), (30, []), (29.9, [LAPSES]), (-1, [LAPSES]), (None, [LAPSES])])
async def test_a_certificate_is_spoken_of_thirty_days_before_it_lapses(days, expected):
    """So long does a hospital need for a new one; one that cannot be read is worse."""
    lapses = None if days is None else NOON + timedelta(days=days)
    kept = Kept(beat(certificates=(Certificate("lab", NOON + timedelta(days=400)), Certificate("adt", lapses))))
    assert codes(await Connectors(kept, SettableClock()).list()) == [expected]


async def test_the_watch_writes_what_the_alerts_look_for(caplog):
    """One line for each concern of each connector, codes and names alone; well ones are not spoken of."""
    clock = SettableClock()
    clock.advance(3600)
    unreadable = (Certificate("adt", None),)
    kept = Kept(beat("silent"), beat("old", certificates=unreadable), beat("well"), beat("refusing", refused=3))
    kept.heard += Kept(beat("alone", mirror=MirrorState.BEHIND), beat("mirrored", mirror=MirrorState.IN_STEP)).heard
    kept.heard[1:] = [one._replace(at=clock.now()) for one in kept.heard[1:]]
    with caplog.at_level(logging.INFO, logger="caduceus"):
        await Connectors(kept, clock).watch()
    told = [json.loads(record.getMessage()) for record in caplog.records]
    assert [(each["event"], each["connector"], each["code"]) for each in told] == [
        ("connector_silent", "silent", "CONNECTOR-010"),
        ("certificate_expiring", "old", "CONNECTOR-009"),
        ("mirror_behind", "alone", "CONNECTOR-011"),
    ]


async def test_a_connector_that_is_not_on_the_list_cannot_be_forgotten():
    """A typing error is told."""
    connectors = Connectors(Kept(beat()), SettableClock())
    assert await connectors.forget("north") == {"forgotten": "north"}
    with pytest.raises(NotFound):
        await connectors.forget("nort")
