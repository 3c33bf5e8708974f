"""Code to the one-deploy endpoint: what is posted, what is waited for, and what ends it."""

from __future__ import annotations

import io
import zipfile

import pytest

from infra.deployment.azure import Azure
from infra.deployment.send_code import Patience, send_code
from shared.message.errors.configuration import DeploymentFailed
from tests.doubles.azure_deployment import Credential, azure_double


@pytest.fixture
def azure():
    """The endpoint and the hub behind it."""
    with azure_double() as double:
        yield double


@pytest.fixture
def patience():
    """A minute that passes at once."""

    class Clock:
        now = 0.0

        def sleep(self, seconds):
            self.now += seconds

    clock = Clock()
    return Patience(tries=3, between_looks=60, sleep=clock.sleep, clock=lambda: clock.now)


@pytest.fixture
def package():
    """A package of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("host.json", "{}")
    return file.getvalue()


def send(azure, package, patience):
    credential = Credential()
    send_code(Azure(azure.url, credential), azure.url, package, patience)
    return credential


def test_a_package_is_posted_its_deployment_awaited_and_the_hub_seen_to_answer(azure, package, patience):
    """`pulumi up` ends with a hub that answers, or it has failed."""
    azure.statuses, azure.health = [0, 1, 2, 4], [503, 200]
    credential = send(azure, package, patience)
    assert azure.packages == [["host.json"]]
    assert azure.calls == [
        "POST /api/publish?RemoteBuild=false&Deployer=caduceus",
        *["GET /api/deployments/deployment-1"] * 4,
        *["GET /health"] * 2,
    ]
    assert set(credential.scopes) == {"https://management.azure.com/.default"}


@pytest.mark.parametrize("status", [403, 409, 404])
def test_what_may_go_right_later_is_tried_again(azure, package, patience, status):
    """The roles of a new hub take minutes; another deployment may be under way."""
    azure.refusals = [status, status]
    send(azure, package, patience)
    assert len(azure.packages) == 1


def test_a_deployment_that_fails_is_tried_again(azure, package, patience):
    """The app itself may not reach its storage yet."""
    azure.statuses = [3, 4]
    send(azure, package, patience)
    assert len(azure.packages) == 2


def test_what_never_goes_right_ends_and_says_why(azure, package, patience):
    """Somebody without a role waits for three tries and then reads which it was."""
    azure.refusals = [403] * 9
    with pytest.raises(DeploymentFailed, match="refused with HTTP 403, 3 times"):
        send(azure, package, patience)


def test_what_cannot_go_right_is_not_tried_again(azure, package, patience):
    """A token that is not taken is not taken the second time."""
    azure.refusals = [401, 202]
    with pytest.raises(DeploymentFailed, match="HTTP 401"):
        send(azure, package, patience)
    assert azure.packages == []


def test_a_deployment_that_does_not_end_is_given_up(azure, package, patience):
    """Fifteen minutes, and then a person looks."""
    azure.statuses = [1]
    with pytest.raises(DeploymentFailed, match="did not end within 900 s"):
        send(azure, package, patience)


def test_a_hub_that_does_not_answer_fails_the_deployment(azure, package, patience):
    """404 is a host that found no functions: the deployment "succeeded" and nothing works."""
    azure.health = [404]
    with pytest.raises(DeploymentFailed, match="/health said HTTP 404 for 600 s"):
        send(azure, package, patience)


def test_nobody_there_is_an_error_with_a_name(package, patience):
    """A private stack from outside its network."""
    with azure_double() as azure:
        pass
    with pytest.raises(DeploymentFailed, match=r"POST /api/publish: ServiceRequestError"):
        send_code(Azure(azure.url, Credential()), azure.url, package, patience)


def test_a_token_never_leaves_over_plain_http(package, patience):
    """A misspelt address must not cost a credential."""
    with pytest.raises(DeploymentFailed, match="ServiceRequestError"):
        send_code(Azure("http://hub.invalid", Credential()), "http://hub.invalid", package, patience)
