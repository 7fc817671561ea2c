"""Server-sent events: what changed, to the pages that show it, in a process of its own."""
