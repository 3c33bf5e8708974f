"""The ports on one machine: SQLite and files, durable on return, nothing to install."""
