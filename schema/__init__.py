"""What clients see: types, results, errors, and how GraphQL travels."""
