"""The vocabulary: identifiers, envelopes, deliveries, states, findings and errors."""
