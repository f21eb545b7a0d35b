"""The rules of the house as it must be found, one function each; each yields what is against it."""
