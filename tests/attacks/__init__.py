"""What a hostile client may try, as tables: a row is one attack, and what it must be told."""
