"""Sample systems that receive: small real servers that can be switched down and up again."""
