"""GraphQL over HTTP, event stream and WebSocket, against a schema of our own on a real server."""
