"""Where a message is on its way up, and a delivery on its way down: two tables, and nothing moves outside them.

The page `docs/connector-in-flight.md` is written from these tables; a model test walks the real connector along them.
"""

from __future__ import annotations

from enum import StrEnum


class Up(StrEnum):
    """A message from a hospital system on its way to the hub."""

    READ = "read"  # framed, in memory; nobody was promised anything
    SPOOLED = "spooled"  # on the disk, numbered; not yet sent, or to be sent again
    SENDING = "sending"  # a request with it is on its way
    WITHDRAWN = "withdrawn"  # its sender heard AE, or nothing: it will come again
    TAKEN = "taken"  # the hub said AA or CA: forgotten here
    REFUSED = "refused"  # the hub said AE, AR, CE or CR: its sender heard so, or it is kept for a person
    VOID = "void"  # never taken by the hub, and its number is not used
    LOST = "lost"  # gone before anybody was promised anything: its sender still has it
    GONE = "gone"  # lost with the one disk that had it: its sender may have heard AA, and sends it again by hand


class UpEvent(StrEnum):
    """What can happen to it."""

    COMMITTED = "the spool's commit is durable"
    NOT_COMMITTED = "the disk is full or fails"
    SENT = "a request leaves"
    HUB_TOOK = "the hub answers AA or CA"
    HUB_REFUSED = "the hub answers AE, AR, CE or CR"
    NO_ANSWER = "line cut, time-out, 5xx, token lapsed"
    SENDER_TOLD_NO = "end_to_end only: the deadline passes, the sender hears AE"
    VOIDED = "the hub confirms that the number is void"
    KILLED = "the connector or its machine dies, and starts again"
    DISK_LOST = "the spool's disk is lost, and its mirror is there"
    DISKS_LOST = "the spool's disk is lost, and there is no mirror in step"


UP: dict[tuple[Up, UpEvent], Up] = {
    (Up.READ, UpEvent.COMMITTED): Up.SPOOLED,
    (Up.READ, UpEvent.NOT_COMMITTED): Up.READ,  # stall: it waits and its sender hears nothing; AE or CE: LOST
    (Up.READ, UpEvent.KILLED): Up.LOST,
    (Up.READ, UpEvent.DISK_LOST): Up.LOST,
    (Up.READ, UpEvent.DISKS_LOST): Up.LOST,
    (Up.SPOOLED, UpEvent.SENT): Up.SENDING,
    (Up.SPOOLED, UpEvent.SENDER_TOLD_NO): Up.WITHDRAWN,
    (Up.SPOOLED, UpEvent.NO_ANSWER): Up.SPOOLED,
    (Up.SPOOLED, UpEvent.KILLED): Up.SPOOLED,
    (Up.SPOOLED, UpEvent.DISK_LOST): Up.SPOOLED,
    (Up.SPOOLED, UpEvent.DISKS_LOST): Up.GONE,
    (Up.SENDING, UpEvent.HUB_TOOK): Up.TAKEN,
    (Up.SENDING, UpEvent.HUB_REFUSED): Up.REFUSED,
    (Up.SENDING, UpEvent.NO_ANSWER): Up.SPOOLED,  # the same number again: the hub knows it if it had it
    (Up.SENDING, UpEvent.SENDER_TOLD_NO): Up.WITHDRAWN,
    (Up.SENDING, UpEvent.KILLED): Up.SPOOLED,
    (Up.SENDING, UpEvent.DISK_LOST): Up.SPOOLED,
    (Up.SENDING, UpEvent.DISKS_LOST): Up.GONE,  # or the hub has it: it answers a duplicate as it answered the first
    (Up.WITHDRAWN, UpEvent.HUB_TOOK): Up.TAKEN,  # the answer came late; the sender's second copy is a duplicate
    (Up.WITHDRAWN, UpEvent.HUB_REFUSED): Up.REFUSED,
    (Up.WITHDRAWN, UpEvent.NO_ANSWER): Up.WITHDRAWN,
    (Up.WITHDRAWN, UpEvent.VOIDED): Up.VOID,
    (Up.WITHDRAWN, UpEvent.KILLED): Up.WITHDRAWN,
    (Up.WITHDRAWN, UpEvent.DISK_LOST): Up.WITHDRAWN,
    (Up.WITHDRAWN, UpEvent.DISKS_LOST): Up.LOST,
}


class Down(StrEnum):
    """A delivery of the hub on its way to a hospital system."""

    COMMITTED = "committed"  # on the disk; the hub was told so
    SENDING = "sending"  # written down before the first byte leaves
    DELIVERED = "delivered"  # the system said AA or CA
    REJECTED = "rejected"  # the system said AE, AR or CR
    AMBIGUOUS = "ambiguous"  # sent, and no answer that counts
    CANCELLED = "cancelled"  # the hub took it back before it was sent
    GONE = "gone"  # lost with the one disk that had it: the hub hears 404, and it may have been taken


class DownEvent(StrEnum):
    """What can happen to it."""

    SENT = "its turn: the bytes begin to leave"
    ACCEPTED = "AA or CA with the right MSA-2"
    REJECTED = "AE, AR or CR with the right MSA-2"
    NOT_TAKEN = "surely not taken: refused, unreachable, cut before its end left, CE"
    NO_ANSWER = "time-out, cut after it left, wrong MSA-2, unreadable"
    CANCEL = "the hub asks for it back"
    RESEND = "on_ambiguous = resend, or the hub orders it"
    ACCEPT = "the hub declares it delivered"
    KILLED = "the connector or its machine dies, and starts again"
    DISK_LOST = "the spool's disk is lost, and its mirror is there"
    DISKS_LOST = "the spool's disk is lost, and there is no mirror in step"


DOWN: dict[tuple[Down, DownEvent], Down] = {
    (Down.COMMITTED, DownEvent.SENT): Down.SENDING,
    (Down.COMMITTED, DownEvent.CANCEL): Down.CANCELLED,
    (Down.COMMITTED, DownEvent.KILLED): Down.COMMITTED,
    (Down.SENDING, DownEvent.ACCEPTED): Down.DELIVERED,
    (Down.SENDING, DownEvent.REJECTED): Down.REJECTED,
    (Down.SENDING, DownEvent.NOT_TAKEN): Down.COMMITTED,
    (Down.SENDING, DownEvent.NO_ANSWER): Down.AMBIGUOUS,
    (Down.SENDING, DownEvent.CANCEL): Down.SENDING,  # not confirmed: ask again
    (Down.SENDING, DownEvent.KILLED): Down.AMBIGUOUS,
    (Down.AMBIGUOUS, DownEvent.RESEND): Down.COMMITTED,
    (Down.AMBIGUOUS, DownEvent.ACCEPT): Down.DELIVERED,
    (Down.AMBIGUOUS, DownEvent.CANCEL): Down.AMBIGUOUS,  # not confirmed: it may have been taken
    (Down.AMBIGUOUS, DownEvent.KILLED): Down.AMBIGUOUS,
    (Down.REJECTED, DownEvent.RESEND): Down.COMMITTED,
    (Down.REJECTED, DownEvent.CANCEL): Down.CANCELLED,  # surely not taken: the hub discards it, the lane goes on
    (Down.REJECTED, DownEvent.KILLED): Down.REJECTED,
    (Down.DELIVERED, DownEvent.CANCEL): Down.DELIVERED,
    (Down.DELIVERED, DownEvent.KILLED): Down.DELIVERED,
    (Down.CANCELLED, DownEvent.CANCEL): Down.CANCELLED,
    (Down.CANCELLED, DownEvent.KILLED): Down.CANCELLED,
}
# Whoever starts on the mirror's copy starts as after a crash; without one, nothing is left of what was here.
DOWN |= {(state, DownEvent.DISK_LOST): after for (state, event), after in DOWN.items() if event is DownEvent.KILLED}
DOWN |= {(state, DownEvent.DISKS_LOST): Down.GONE for state in Down if state is not Down.GONE}

HOLDING = frozenset({Down.REJECTED, Down.AMBIGUOUS})  # nothing passes them until somebody decides, where order holds


def after_up(state: Up, event: UpEvent) -> Up:
    """Return the state that follows.

    Raises:
        ValueError: this cannot happen there.
    """
    found = UP.get((state, event))
    if found is None:
        raise ValueError(f"{event.name} does not happen to a message that is {state}")
    return found


def after_down(state: Down, event: DownEvent) -> Down:
    """Return the state that follows.

    Raises:
        ValueError: this cannot happen there.
    """
    found = DOWN.get((state, event))
    if found is None:
        raise ValueError(f"{event.name} does not happen to a delivery that is {state}")
    return found
