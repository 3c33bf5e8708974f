"""Deliver: shape for the destination, send, read the answer; in order, once, with a record of every attempt."""
