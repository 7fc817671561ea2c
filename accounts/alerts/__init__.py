"""Who is told of what, and how: channels, letters, and what has been sent."""
