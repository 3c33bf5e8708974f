"""The `caduceus` command: talks to a hub, on a laptop or in Azure, over its HTTP API."""
