"""The queue of starts: who may ask, what it waits for, and what came of it."""
