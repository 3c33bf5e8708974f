"""NCRONTAB schedules fire when Azure's timer trigger fires."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from local.ncrontab import parse_schedule

SUNDAY_NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        # The examples of Microsoft Learn's page, and what its table says of them.
        ("0 */5 * * * *", (2026, 3, 1, 12, 5, 0)),
        ("0 0 * * * *", (2026, 3, 1, 13, 0, 0)),
        ("0 0 */2 * * *", (2026, 3, 1, 14, 0, 0)),
        ("0 0 9-17 * * *", (2026, 3, 1, 13, 0, 0)),
        ("0 30 9 * * *", (2026, 3, 2, 9, 30, 0)),
        ("0 30 9 * * 1-5", (2026, 3, 2, 9, 30, 0)),
        ("0 30 9 * Jan Mon", (2027, 1, 4, 9, 30, 0)),
        ("0 5 * * * *", (2026, 3, 1, 12, 5, 0)),
        ("*/30 * * * * *", (2026, 3, 1, 12, 0, 30)),
        ("* * * * * *", (2026, 3, 1, 12, 0, 1)),
        ("5,8,10 * * * * *", (2026, 3, 1, 12, 0, 5)),
        ("5-7 * * * * *", (2026, 3, 1, 12, 0, 5)),
        ("0-30/20 1 * * * *", (2026, 3, 1, 12, 1, 0)),
        ("15/20 0 * * * *", (2026, 3, 1, 12, 0, 15)),
        ("*/5 * * * *", (2026, 3, 1, 12, 5, 0)),
        ("0 0 12 * * *", (2026, 3, 2, 12, 0, 0)),
        ("0 0 0 1 * *", (2026, 4, 1, 0, 0, 0)),
        ("0 0 0 * * sunday", (2026, 3, 8, 0, 0, 0)),
        ("0 0 0 29 2 *", (2028, 2, 29, 0, 0, 0)),
        ("0 0 0 29 FEB 0", (2032, 2, 29, 0, 0, 0)),
        ("0 0 0 13 * 5", (2026, 3, 13, 0, 0, 0)),
    ],
)
def test_next_run_is_the_first_moment_that_all_fields_allow(schedule, due):
    """Hand calculation from Sunday 1 March 2026, 12:00:00; both day fields must match, unlike in cron."""
    assert parse_schedule(schedule).next_after(SUNDAY_NOON) == datetime(*due, tzinfo=UTC)


def test_moment_that_matches_is_not_its_own_next_run():
    """A timer that is due now and again now would spin."""
    schedule = parse_schedule("0 0 12 * * *")

    assert schedule.next_after(datetime(2026, 3, 1, 11, 59, 59, 999_999, tzinfo=UTC)) == SUNDAY_NOON
    assert schedule.next_after(SUNDAY_NOON) > SUNDAY_NOON


def test_day_that_never_comes_has_no_next_run():
    """The search must end, or the host never starts."""
    assert parse_schedule("0 0 0 30 2 *").next_after(SUNDAY_NOON) is None


@pytest.mark.parametrize(
    "schedule",
    [
        "", "* * *", "* * * * * * *", "60 * * * * *", "* * 24 * * *", "* * * 0 * *", "* * * * 13 *", "* * * * * 7",
        "5-1 * * * * *", "*/0 * * * * *", "*-5 * * * * *", "a * * * * *", "1,,2 * * * * *", "* * * * jan-x *",
        "-1 * * * * *", "00:00:30", "jan * * * * *",
    ],
)  # fmt: skip
def test_schedule_that_cannot_be_read_is_refused(schedule):
    """A timer that silently never fires is found when a destination was down all night."""
    with pytest.raises(ValueError, match="schedule"):
        parse_schedule(schedule)
