"""How an operation is prepared once and run many times."""
