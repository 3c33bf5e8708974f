"""The secrets of the hub and of its destinations: Key Vault, by role only."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import keyvault

from infra.place import Place, child

KEY_NAME = "hub-encryption"


class Vault(pulumi.ComponentResource):
    """The vault, and the key that encrypts storage and broker where the stack wants its own.

    The hub's own key lies here too and must survive: it mints resource ids and is never rotated. What was deleted can
    be brought back for 90 days, and in a protected stack nobody can shorten that.
    """

    vault: keyvault.Vault
    keys: list[keyvault.Key]

    def __init__(self, place: Place, tenant: str) -> None:
        super().__init__("caduceus:Vault", "vault")
        stack = place.stack
        self.vault = keyvault.Vault(
            "key-vault",
            resource_group_name=place.group,
            vault_name=place.names.of("kv"),
            location=stack.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=tenant,
                sku=keyvault.SkuArgs(family="A", name="standard"),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=90,
                enable_purge_protection=True if stack.protect or stack.customer_managed_keys else None,
                public_network_access=place.public_access,
                # The gateway reads its key as a trusted service; all others come through the private endpoint.
                network_acls=keyvault.NetworkRuleSetArgs(
                    bypass="AzureServices", default_action="Deny" if stack.private else "Allow"
                ),
            ),
            tags=place.tags,
            opts=child(self, protect=stack.protect),
        )
        self.keys = [self._key(place)] if stack.customer_managed_keys else []
        self.register_outputs({})

    @property
    def url(self) -> pulumi.Output[str]:
        """Where the vault answers; it ends with a slash."""
        found: pulumi.Output[str] = self.vault.properties.vault_uri
        return found

    def _key(self, place: Place) -> keyvault.Key:
        rotate = keyvault.LifetimeActionArgs(
            action=keyvault.ActionArgs(type="rotate"),
            trigger=keyvault.TriggerArgs(time_before_expiry="P60D"),
        )
        return keyvault.Key(
            "encryption-key",
            resource_group_name=place.group,
            vault_name=self.vault.name,
            key_name=KEY_NAME,
            properties=keyvault.KeyPropertiesArgs(
                kty="RSA",
                key_size=3072,
                key_ops=["wrapKey", "unwrapKey"],
                rotation_policy=keyvault.RotationPolicyArgs(
                    attributes=keyvault.KeyRotationPolicyAttributesArgs(expiry_time="P2Y"),
                    lifetime_actions=[rotate],
                ),
            ),
            opts=child(self, protect=place.stack.protect),
        )
