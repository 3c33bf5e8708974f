"""What a broken connection means for a transaction that was sent."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from shared.adapters.azure.operations import Operations
from shared.adapters.azure.table import RowConflict, Step, Table
from shared.message.errors.storage import AzureUnavailable


class Breaking:
    """A client whose first answers are errors."""

    def __init__(self, *errors: Exception) -> None:
        self.left = list(errors)
        self.asked = 0

    async def submit_transaction(self, operations: Any) -> list[dict[str, str]]:
        self.asked += 1
        if self.left:
            raise self.left.pop(0)
        return [{"etag": "1"} for _ in operations]


def table(client: Breaking) -> Table:
    return Table(client, Operations())  # type: ignore[arg-type]


async def test_a_conditional_write_without_an_answer_is_looked_at_again() -> None:
    """It may have been taken: the SDK does not repeat a POST, and an error would be told for nothing."""
    client = Breaking(ServiceResponseError("closed"))
    with pytest.raises(RowConflict):
        await table(client).transact("p", [Step("create", "r", {})])


async def test_an_unconditional_write_without_an_answer_is_repeated() -> None:
    """A second time it changes nothing."""
    client = Breaking(ServiceResponseError("closed"))
    assert await table(client).transact("p", [Step("put", "r", {})]) == ["1"]
    assert client.asked == 2


async def test_a_service_that_cannot_be_reached_is_unavailable() -> None:
    """Nothing was sent, and the SDK has tried again already."""
    with pytest.raises(AzureUnavailable):
        await table(Breaking(ServiceRequestError("refused"))).transact("p", [Step("create", "r", {})])
