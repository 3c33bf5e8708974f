"""What an operator asks: where is it, what happened to it, what is waiting."""
