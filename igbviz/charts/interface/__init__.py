"""What a public chart has in common with the others: it returns a plotly Figure, and it takes runs or their records."""
