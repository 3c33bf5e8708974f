"""Errors of the way through the hub: senders, stages, attempts, requests to its API."""

from __future__ import annotations

from shared.message.errors.base import Acknowledgement, Disposition, IntegrationError


class EventNotTaken(IntegrationError):
    """A subscriber of events did not take one; those before it in the call may have been taken."""

    code = "PUBLISH-001"
    what = "a subscriber did not take an event"
    disposition = Disposition.RETRY
    stops_message = False
    next_step = "nothing: the delivery is tried again; look at the subscriber if it lasts"


class UnknownSender(IntegrationError):
    """No interface is for this sender and message type."""

    code = "INGEST-001"
    what = "no interface takes messages of this sender and type"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    stops_message = False
    next_step = "add a match to an interface, or ask the sender to correct its header"


class InterfaceRetired(IntegrationError):
    """The interface no longer takes messages."""

    code = "INGEST-002"
    what = "the interface is retired"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    stops_message = False
    next_step = "stop the sender, or set the interface's lifecycle to active"


class NotForThisStage(IntegrationError):
    """A test message came to production, or the other way round (promise 8)."""

    code = "INGEST-003"
    what = "the interface does not take messages of this processing id"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    stops_message = True
    next_step = "correct MSH-11 at the sender, or list it under `accepts` in interface.toml"


class NeverSent(IntegrationError):
    """Taking a message began and did not end: it is archived and numbered, and was not acknowledged (rule R1)."""

    code = "INGEST-004"
    what = "taking it began and did not end, and its sender was not answered"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE
    stops_message = True
    next_step = "have the sender send it again, which goes on from here; discard it if it will not"


class HeaderUnsupported(IntegrationError):
    """The header asks for what the hub does not do, and the interface refuses that (``on_invalid = "nack"``)."""

    code = "INGEST-005"
    what = "the event or the version is none that the hub can use"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    stops_message = True
    next_step = "correct MSH-9 or MSH-12 at the sender, or stop sending this event"


class IdentifierMissing(IntegrationError):
    """The patient has no identifier that is trusted, and the interface refuses that (``on_invalid = "nack"``)."""

    code = "INGEST-006"
    what = "the patient has no identifier that can be trusted"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_ERROR
    stops_message = True
    next_step = "have the sender fill PID-3; a placeholder such as 0 or UNKNOWN is no identifier"


class PoisonMessage(IntegrationError):
    """Processing began three times and never ended (rule R5)."""

    code = "TRANSFORM-002"
    what = "processing did not end three times in a row"
    stops_message = True
    next_step = "read the log around the message id; resend after the cause is gone"


class RetryBudgetSpent(IntegrationError):
    """The destination could not be reached for as long as its interface allows."""

    code = "DELIVER-020"
    what = "the destination did not take the message within its retry budget"
    stops_message = False
    next_step = "repair the destination, then resend"


class AnswerMissing(IntegrationError):
    """The message was sent and no answer came: it may have been taken."""

    code = "DELIVER-031"
    what = "the destination took the bytes and did not answer in time"
    disposition = Disposition.REVIEW
    stops_message = False
    next_step = "look at the destination whether it arrived, then accept or resend"


class NotFound(IntegrationError):
    """What was asked for is not there."""

    code = "HUB-404"
    what = "there is no such thing"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = (
        "check the id and the hub; `caduceus messages`, `destination list` and `interfaces status` show what is there"
    )


class RoleMissing(IntegrationError):
    """Whoever asks may not: what is asked for needs a role."""

    code = "HUB-403"
    what = "this needs a role that whoever asks does not have"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "ask somebody who has it; on a laptop CADUCEUS_ROLES lists the roles of whoever uses it"


class NotStopped(IntegrationError):
    """Only what is stopped can be resent."""

    code = "HUB-409"
    what = "the message is neither in quarantine nor in review"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "nothing: it is on its way, was delivered, or was given up; `caduceus trace` shows where"


class RequestInvalid(IntegrationError):
    """A request of the hub's own API cannot be carried out as asked."""

    code = "HUB-400"
    what = "the request cannot be carried out"
    disposition = Disposition.REFUSE
    stops_message = False
    next_step = "correct it; `--help` of the command, or docs/hub-api.md, says what can be asked"
