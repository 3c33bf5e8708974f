"""The hub in Azure: what `pulumi up` makes. Components are in `components/`, one for each file."""
