"""Bringing the code, and what no provider of Pulumi can make, to Azure."""
