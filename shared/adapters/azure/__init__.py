"""The ports in Azure. Every SDK is imported on first use: a cold start pays for what it needs, and for nothing else."""
