"""Signed-in calls to Azure: its management API, and the deployment endpoint of a Function App."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
from azure.core.rest import HttpRequest, HttpResponse

from shared.message.errors.configuration import DeploymentFailed

MANAGEMENT = "https://management.azure.com"
_SCOPE = f"{MANAGEMENT}/.default"  # the deployment endpoint takes the same token
_LOOPBACK = ("127.0.0.1", "localhost")


class Azure:
    """One host of Azure's, called with the credential of whoever runs the deployment."""

    def __init__(self, host: str, credential: TokenCredential) -> None:
        sign_in: BearerTokenCredentialPolicy[HttpRequest, HttpResponse] = BearerTokenCredentialPolicy(
            credential, _SCOPE
        )
        self._host = host.rstrip("/")
        self._client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            self._host, policies=[RetryPolicy(retry_total=5), sign_in]
        )

    def call(self, method: str, path: str, body: object = None, **options: Any) -> HttpResponse:
        """Return the answer, whatever its status.

        Args:
            body: Sent as JSON; None: nothing, or ``content`` of the options.
        Raises:
            DeploymentFailed: there was no answer, or nobody is signed in.
        """
        request = HttpRequest(method, f"{self._host}{path}", json=body, **options)
        is_secure = urlsplit(self._host).hostname not in _LOOPBACK
        try:
            return self._client.send_request(request, enforce_https=is_secure)
        except AzureError as error:
            raise DeploymentFailed(f"{method} {path.partition('?')[0]}: {type(error).__name__}") from None

    def ask(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """Return the JSON of the answer, None for 404.

        Raises:
            DeploymentFailed: the status is another one above 299.
        """
        answer = self.call(method, path, body, **options)
        if answer.status_code == 404:
            return None
        if answer.status_code >= 300:
            raise DeploymentFailed(f"{method} {path.partition('?')[0]}: HTTP {answer.status_code}")
        return answer.json() if answer.content else {}


def credential_here() -> TokenCredential:
    """Return who runs this: the workload identity of a pipeline, or whoever is signed in on a laptop."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
