"""The documentation: its pages, and the small programs that make a site of them."""
