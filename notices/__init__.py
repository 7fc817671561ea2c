"""Notices: who is told that a number is lost or back, when, and through which channel."""
