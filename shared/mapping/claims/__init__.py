"""Who a message speaks of: the claims of its persons, visits and accounts. Nothing is looked up here."""
