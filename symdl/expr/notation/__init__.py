"""How expressions read: layout trees in array notation and in index notation, and their text."""
