"""What answers each field: queries, mutations and subscriptions."""
