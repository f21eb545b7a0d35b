"""What the server tells of itself: what is counted, traced and logged, and where it is told."""
