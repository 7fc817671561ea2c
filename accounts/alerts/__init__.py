"""Alerts: channels, messages, and the queue of what is sent to operators."""
