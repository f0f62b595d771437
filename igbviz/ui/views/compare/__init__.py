"""The page that compares runs: the page itself, and how runs are selected."""
