"""What waits for a message that is in order with several ordering keys, in transform and in route (rule R7)."""
