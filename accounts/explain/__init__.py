"""Explain an account's status: what is shown, the rule that decided, what it ruled out, the next
step, and what a human must do. Callers import `accounts.explain.explanation`."""
