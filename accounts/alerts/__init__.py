"""Who is told of what, and how: channels, messages, and what has been sent."""
