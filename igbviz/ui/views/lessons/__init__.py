"""The page of lessons: the page itself, its steps, and the picture beside each."""
