"""What each stack declares, whole: a change of it is seen in review, resource by resource."""

from __future__ import annotations

import tomllib

from tests.infra.graph import REPOSITORY
from tests.infra.snapshot import FOLDER, lines_of


def test_a_stack_declares_what_was_reviewed(graph):
    """If it is wanted: `python -m tests.infra.snapshot` writes it anew; read the diff before you commit it.

    It was written by another process: a name or a value that changes by itself, and so is a resource replaced at each
    `pulumi up`, is found here too.
    """
    assert lines_of(graph).splitlines() == (FOLDER / f"{graph.stack.stage}.txt").read_text("utf-8").splitlines()


def test_production_keeps_what_test_keeps(graphs):
    """A kind of resource that only production has was never tried; each one is listed here with its reason."""
    kinds = {name: {one.kind for one in graph.resources} for name, graph in graphs.items()}
    assert kinds["prod"] - kinds["test"] == {
        "app:ContainerApp", "app:ManagedEnvironment", "relay:HybridConnection",  # test has no connector
        "keyvault:Key",  # customer-managed keys need a vault nobody can purge
        "storage:BlobContainerImmutabilityPolicy",  # what test keeps must be deletable
    }  # fmt: skip


# Kinds whose name is one of the whole world's.
_OF_THE_WORLD = (
    "apimanagement:ApiManagementService", "eventgrid:Topic", "healthcareapis:Workspace", "keyvault:Vault",
    "relay:Namespace", "servicebus:Namespace", "storage:StorageAccount", "web:WebApp",
)  # fmt: skip


def test_hubs_with_another_prefix_stand_side_by_side(prod):
    """A region is a hub for each hospital network: what the world knows by name has the prefix in it, and so has the
    group that holds all the rest."""
    ids = [one.id for kind in (*_OF_THE_WORLD, "resources:ResourceGroup") for one in prod.of(kind)]
    assert len(ids) >= len(_OF_THE_WORLD)
    assert all(prod.stack.prefix in id_.rpartition("/")[2] for id_ in ids)


def test_what_pulumi_up_needs_is_in_both_lists():
    """The tests install by pyproject.toml, Pulumi by infra/requirements.txt."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    lines = (REPOSITORY / "infra" / "requirements.txt").read_text("utf-8").splitlines()
    assert sorted(line for line in lines if line and line[0] not in "#-") == sorted(extras["infra"])
