"""The load test for users, `boxoffice load`."""
