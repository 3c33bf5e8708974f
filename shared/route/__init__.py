"""Route: evaluate every route of the interface, and keep the reason for yes and for no."""
