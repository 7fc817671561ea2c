"""The rooms of an explanation: what is shown, the rule that decided, what it ruled out, what
happens next, and what a human must do. `accounts.explain.explanation` is their door."""
