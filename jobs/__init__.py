"""Work that nobody asks for: what runs by the clock."""
