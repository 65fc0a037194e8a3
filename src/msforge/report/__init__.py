"""Results for people: the terminal and JSON. Knows how to show, never how to compute."""
