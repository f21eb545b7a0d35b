"""How GraphQL travels: over HTTP, in event streams and through WebSockets."""
