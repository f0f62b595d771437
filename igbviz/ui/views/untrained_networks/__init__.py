"""Further pictures of the page on untrained networks."""
