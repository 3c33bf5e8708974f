"""What a hub is made of in Azure: one component, one file."""
