"""How experiments become records."""
