"""The page from bias to training: a form, a sweep of short trainings, three views of it, and a map of imbalance."""
