"""The queue of starts: who may ask, what a start waits for, and its outcome."""
