"""Two storage accounts: one for what the hub keeps of patients, one for what the Functions host needs itself."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault, managedidentity, storage

from infra.components.vault import KEY_NAME
from infra.place import Place, child

ARCHIVE, DEAD_EVENTS, DEPLOYMENTS = "archive", "dead-events", "deployments"
TABLES = ("audit", "identities", "lanes", "ledger", "names", "replays")


@dataclass(frozen=True, slots=True)
class Encryption:
    """The stack's own key, and the identity that may use it.

    Attributes:
        ready: The key and the role to use it: nothing can be encrypted before they are there.
    """

    vault: keyvault.Vault
    identity: managedidentity.UserAssignedIdentity
    ready: list[pulumi.Resource]


class Storage(pulumi.ComponentResource):
    """``data``: archive (versioned) and the tables. ``host``: leases, keys and the code package."""

    data: storage.StorageAccount
    host: storage.StorageAccount
    containers: dict[str, storage.BlobContainer]

    def __init__(self, place: Place, encryption: Encryption | None) -> None:
        super().__init__("caduceus:Storage", "storage")
        self._place = place
        stack = place.stack
        self.data = self._account("data", stack.storage_redundancy, encryption, protect=stack.protect)
        host_redundancy = "Standard_ZRS" if stack.zone_redundant else "Standard_LRS"
        self.host = self._account("host", host_redundancy, None, protect=False)
        self._keep_versions()
        self.containers = {
            ARCHIVE: self._container(self.data, ARCHIVE, protect=stack.protect),
            DEAD_EVENTS: self._container(self.data, DEAD_EVENTS, protect=False),
            DEPLOYMENTS: self._container(self.host, DEPLOYMENTS, protect=False),
        }
        for table in TABLES:
            self._table(table)
        if stack.archive_immutable_days:
            self._forbid_change(stack.archive_immutable_days)
        self._age_out()
        self.register_outputs({})

    def _account(
        self, purpose: str, redundancy: str, encryption: Encryption | None, *, protect: bool
    ) -> storage.StorageAccount:
        place = self._place
        owned = _owned_by(encryption) if encryption else {}
        return storage.StorageAccount(
            f"{purpose}-account",
            resource_group_name=place.group,
            account_name=place.names.storage(purpose[0]),
            location=place.stack.location,
            kind="StorageV2",
            sku=storage.SkuArgs(name=redundancy),
            access_tier="Hot",
            allow_shared_key_access=False,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            default_to_o_auth_authentication=True,
            enable_https_traffic_only=True,
            minimum_tls_version="TLS1_2",
            public_network_access=place.public_access,
            network_rule_set=storage.NetworkRuleSetArgs(
                # Event Grid writes dead events as a trusted service.
                bypass="AzureServices",
                default_action="Deny" if place.stack.private else "Allow",
            ),
            **owned,
            tags=place.tags,
            opts=pulumi.ResourceOptions(
                parent=self, protect=protect, depends_on=encryption.ready if encryption else None
            ),
        )

    def _keep_versions(self) -> None:
        """Have an overwritten or deleted payload brought back for 30 days."""
        kept = storage.DeleteRetentionPolicyArgs(enabled=True, days=30)
        storage.BlobServiceProperties(
            "versions",
            resource_group_name=self._place.group,
            account_name=self.data.name,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=kept,
            container_delete_retention_policy=kept,
            opts=child(self),
        )

    def _container(self, account: storage.StorageAccount, name: str, *, protect: bool) -> storage.BlobContainer:
        return storage.BlobContainer(
            name,
            resource_group_name=self._place.group,
            account_name=account.name,
            container_name=name,
            public_access="None",
            opts=child(self, protect=protect),
        )

    def _table(self, name: str) -> None:
        storage.Table(
            f"table-{name}",
            resource_group_name=self._place.group,
            account_name=self.data.name,
            table_name=name,
            opts=child(self, protect=self._place.stack.protect),
        )

    def _forbid_change(self, days: int) -> None:
        storage.BlobContainerImmutabilityPolicy(
            "archive-immutable",
            resource_group_name=self._place.group,
            account_name=self.data.name,
            container_name=self.containers[ARCHIVE].name,
            immutability_policy_name="default",
            immutability_period_since_creation_in_days=days,
            allow_protected_append_writes=True,
            opts=child(self),
        )

    def _age_out(self) -> None:
        """Move payloads nobody reads to cheaper tiers; nothing is deleted but old versions."""
        actions = storage.ManagementPolicyActionArgs(
            base_blob=storage.ManagementPolicyBaseBlobArgs(
                tier_to_cool=storage.DateAfterModificationArgs(days_after_modification_greater_than=30),
                tier_to_cold=storage.DateAfterModificationArgs(days_after_modification_greater_than=180),
            ),
            version=storage.ManagementPolicyVersionArgs(
                delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=30)
            ),
        )
        storage.ManagementPolicy(
            "ageing",
            resource_group_name=self._place.group,
            account_name=self.data.name,
            management_policy_name="default",
            policy=storage.ManagementPolicySchemaArgs(
                rules=[
                    storage.ManagementPolicyRuleArgs(
                        name="archive",
                        type="Lifecycle",
                        enabled=True,
                        definition=storage.ManagementPolicyDefinitionArgs(
                            actions=actions,
                            filters=storage.ManagementPolicyFilterArgs(
                                blob_types=["blockBlob"], prefix_match=[f"{ARCHIVE}/"]
                            ),
                        ),
                    )
                ]
            ),
            opts=child(self),
        )


def _owned_by(encryption: Encryption) -> dict[str, object]:
    """Return what makes an account encrypt with the stack's own key, newest version always."""
    identity = encryption.identity.id
    return {
        "identity": storage.IdentityArgs(type="UserAssigned", user_assigned_identities=[identity]),
        "encryption": storage.EncryptionArgs(
            key_source="Microsoft.Keyvault",
            encryption_identity=storage.EncryptionIdentityArgs(encryption_user_assigned_identity=identity),
            key_vault_properties=storage.KeyVaultPropertiesArgs(
                key_vault_uri=encryption.vault.properties.vault_uri, key_name=KEY_NAME
            ),
            require_infrastructure_encryption=True,
            services=storage.EncryptionServicesArgs(
                blob=storage.EncryptionServiceArgs(enabled=True, key_type="Account"),
                table=storage.EncryptionServiceArgs(enabled=True, key_type="Account"),
            ),
        ),
    }
