"""Errors of the connector on premises: its spool, its line to the hub, what it was asked to deliver."""

from __future__ import annotations

from shared.message.errors.base import Acknowledgement, Disposition, IntegrationError
from shared.message.errors.configuration import FilesInvalid


class ConnectorConfigInvalid(FilesInvalid):
    """The configuration of a connector cannot be used as it is."""

    code = "CONNECTOR-001"
    what = "the connector's configuration cannot be used"
    next_step = "mend it, then `python -m connector check`"


class SpoolInUse(IntegrationError):
    """Another connector works with this spool; two of them would deliver everything twice."""

    code = "CONNECTOR-002"
    what = "another process uses this spool"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "stop the other one; a standby waits for the same spool, it never has its own"


class SpoolUnreadable(IntegrationError):
    """The spool was made by another version, or with another key."""

    code = "CONNECTOR-003"
    what = "the spool cannot be read"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "give it the key and the version it was written with; do not delete it: it holds what was acknowledged"


class SpoolFull(IntegrationError):
    """The spool has reached the size it may have; senders wait, or hear what `on_full` says."""

    code = "CONNECTOR-004"
    what = "the connector's spool is full"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.APPLICATION_ERROR
    stops_message = False
    next_step = "let the line to the hub come back, or give the spool more room"


class HubUnreachable(IntegrationError):
    """The hub did not answer a connector in time; the sender keeps its message."""

    code = "CONNECTOR-005"
    what = "the hub did not take the message in time"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.APPLICATION_ERROR
    stops_message = False
    next_step = "nothing: the sender sends it again; check the line to the hub if it lasts"


class StreamOutOfStep(IntegrationError):
    """The hub misses a number of a connector's stream (rule R1); nothing more of it goes up."""

    code = "CONNECTOR-006"
    what = "the hub expects another number of the stream"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    stops_message = False
    next_step = (
        "look for a second process with a copy of this spool; then restart the connector, which begins a new epoch"
    )


class DeliveryConflict(IntegrationError):
    """A delivery came again under the same id with other bytes."""

    code = "CONNECTOR-007"
    what = "another delivery has this id"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "report it: a delivery id stands for its bytes"


class RefusedAfterAcknowledgement(IntegrationError):
    """The hub refused what the connector's own spool had acknowledged; it is kept."""

    code = "CONNECTOR-008"
    what = "the hub refused a message that was acknowledged on premises"
    stops_message = False
    next_step = "correct the interface, then send it again with `connector refused --again ID`"


class ConnectorSilent(IntegrationError):
    """No echo of a connector has reached the hub for three times as long as it promised."""

    code = "CONNECTOR-010"
    what = "the connector is silent"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "ask the hospital whether its machine runs and reaches the hub; what it acknowledged is in its spool"


class CertificateExpiring(IntegrationError):
    """A certificate of the connector lapses within 30 days."""

    code = "CONNECTOR-009"
    what = "a certificate lapses soon"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "put the new certificate in its place; the connector reads it without a restart"


class StreamNotYours(IntegrationError):
    """A caller named a stream of a connector whose name belongs to another caller; nothing of the request was taken."""

    code = "CONNECTOR-013"
    what = "the connector's name belongs to another caller"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    stops_message = False
    next_step = "give each connector its own name; where it has a new identity, `caduceus connectors --forget NAME`"


class SenderNotAllowed(IntegrationError):
    """A connection came from an address that is not on the listener's list; nothing of it was read."""

    code = "CONNECTOR-014"
    what = "an address that is not on the list wanted to connect"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    stops_message = False
    next_step = "add the address to `allow` if it is one of yours, then reload; if not, find out whose it is"


class MirrorLost(IntegrationError):
    """The second copy of a spool does not take what is written; by setting, the spool waits for it or goes on alone."""

    code = "CONNECTOR-011"
    what = "the spool's mirror is lost"
    disposition = Disposition.RETRY
    acknowledgement = Acknowledgement.NONE
    stops_message = False
    next_step = "mend or mount the mirror's disk; the connector brings the mirror into step by itself"


class SpoolBroughtBack(IntegrationError):
    """The spool was older than its mirror, damaged or gone; the mirror's copy is the spool now."""

    code = "CONNECTOR-012"
    what = "the spool was taken from its mirror"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "find out what happened to the disk; what was there before is set aside in the same folder"
