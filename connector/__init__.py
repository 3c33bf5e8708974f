"""The on-premises connector: a hospital's systems, both ways, through outbound 443 only. See docs/connector.md."""

VERSION = "0.1.0"
