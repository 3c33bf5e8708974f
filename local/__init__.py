"""The laptop: hosts the real `function_app.py`, with listeners, receivers and data on one machine."""
