"""Requests to a node and their answers: tokens at ``$cbs``, everything else at ``<queue>/$management``.

Source: Microsoft's "AMQP 1.0 in Azure Service Bus: request-response-based operations".
"""

from __future__ import annotations

import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.doubles.service_bus.amqp_decode import decode
from tests.doubles.service_bus.amqp_encode import encode, performative, section
from tests.doubles.service_bus.amqp_types import Array, Int, Symbol, Timestamp
from tests.doubles.service_bus.bare_message import APPLICATION, PROPERTIES, BareMessage
from tests.doubles.service_bus.broker import Broker
from tests.doubles.service_bus.entities import Entity, Refused

if TYPE_CHECKING:
    from tests.doubles.service_bus.connection import Connection

_VALUE = 0x77  # the section of a body that is one AMQP value
_NAMES = {True: ("status-code", "status-description"), False: ("statusCode", "statusDescription")}


def answer_request(
    request: BareMessage, address: str, broker: Broker, claims: Counter[str], connection: Connection
) -> bytes:
    """Return the answer to a request, as a message."""
    is_claim = address == "$cbs"
    status, text, condition, result = 202 if is_claim else 200, "OK", "", None
    if is_claim:
        claims[str(request.application.get("type"))] += 1
    else:
        operation = str(request.application.get("operation", "")).rpartition(":")[2]
        asked = decode(request.body)[0].value if request.body else {}
        try:
            entity = broker.get(address[: -len("/$management")])
            entity.operations["managed"] += 1
            result = _carry_out(entity, operation, asked, connection)
            status = 204 if result is None else 200
        except Refused as refusal:
            status, text, condition = refusal.status, refusal.text, refusal.condition
    code, description = _NAMES[is_claim]
    said: dict[str, Any] = {code: Int(status), description: text}
    if condition:
        said["errorCondition"] = Symbol(condition)
    properties = performative(PROPERTIES, [*[None] * 5, request.message_id])
    return properties + section(APPLICATION) + encode(said) + section(_VALUE) + encode(result)


def _carry_out(entity: Entity, operation: str, asked: dict[str, Any], connection: Connection) -> Any:
    """Return the body of the answer; None: there is nothing to tell.

    Raises:
        Refused: it cannot be done.
    """
    match operation:
        case "schedule-message":
            numbers = [entity.put(BareMessage(one["message"])) for one in asked["messages"]]
            return {"sequence-numbers": Array(0x81, numbers)}
        case "cancel-scheduled-message":
            entity.cancel(set(asked["sequence-numbers"]))
            return {}
        case "renew-lock":
            until = [Timestamp(connection.milliseconds(entity.renew(token))) for token in asked["lock-tokens"]]
            return {"expirations": Array(0x83, until)}
        case "renew-session-lock":
            return {"expiration": Timestamp(connection.milliseconds(entity.renew_session(asked["session-id"])))}
        case "get-session-state":
            return {"session-state": entity.session(asked["session-id"]).state}
        case "set-session-state":
            entity.session(asked["session-id"]).state = asked["session-state"]
            return {}
        case "peek-message":
            return _peek(entity, asked, connection)
        case "update-disposition":
            _dispose(entity, asked)
            return {}
    raise Refused("amqp:not-implemented", operation, 501)


def _peek(entity: Entity, asked: dict[str, Any], connection: Connection) -> Any:
    wanted = asked.get("session-id")
    shown = [
        message
        for message in entity.everything()
        if message.number >= asked["from-sequence-number"] and wanted in (None, message.content.session_id)
    ][: asked["message-count"]]
    return {"messages": [{"message": connection.wire(one, is_locked=False)} for one in shown]} if shown else None


def _dispose(entity: Entity, asked: dict[str, Any]) -> None:
    """Settle by lock token: what a client does whose link is gone."""
    for token in asked["lock-tokens"]:
        assert isinstance(token, uuid.UUID)
        match asked["disposition-status"]:
            case "completed":
                entity.complete(token)
            case "abandoned":
                entity.abandon(token)
            case _:
                reason = asked.get("deadletter-reason") or ""
                entity.dead_letter(token, reason, asked.get("deadletter-description") or "")
