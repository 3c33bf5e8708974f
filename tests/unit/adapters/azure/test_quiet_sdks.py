"""What Microsoft's SDKs would write into the hub's log, and do not."""

from __future__ import annotations

import logging

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import HttpTransport
from azure.data.tables import TableServiceClient

from shared.adapters.azure.clients import AzureClients
from shared.settings import read_settings

_SETTINGS = {
    "CADUCEUS_ADAPTERS": "azure",
    "CADUCEUS_STAGE": "laptop",
    "CADUCEUS_STORAGE_EMULATOR": "UseDevelopmentStorage=true",
    "SERVICE_BUS": "UseDevelopmentEmulator=true",
    "CADUCEUS_FHIR": "http://127.0.0.1:1",
}


class Refusing(HttpTransport):
    """A line on which every request ends."""

    def send(self, request, **kwargs):
        raise HttpResponseError("refused")

    def open(self):
        pass

    def close(self):
        pass

    def __exit__(self, *args):
        pass


class Signed:
    """A credential of nobody."""

    def get_token(self, *scopes, **kwargs):
        return AccessToken("token", 2**40)


@pytest.fixture
def said(caplog):
    """The lines of the SDKs, from INFO on: the root logger of Azure's worker takes them all."""
    loud = logging.getLogger("azure")
    before = loud.level
    loud.setLevel(logging.NOTSET)
    with caplog.at_level(logging.INFO):
        yield lambda: [one for one in caplog.records if one.name.startswith("azure")]
    loud.setLevel(before)


def look_up():
    """Ask a table for a row, as the ledger does."""
    client = TableServiceClient("https://x.table.core.windows.net", credential=Signed(), transport=Refusing())
    with pytest.raises(HttpResponseError):
        client.get_table_client("ledger").get_entity("partition", "row")


def test_a_request_of_an_sdk_leaves_no_line_in_the_log(said):
    """Two of them for each request would cost more than everything else together, and hold its whole address."""
    look_up()
    assert any("Request URL" in one.getMessage() for one in said())  # as Microsoft ships it
    told = len(said())
    AzureClients(read_settings(_SETTINGS))
    look_up()
    assert len(said()) == told
