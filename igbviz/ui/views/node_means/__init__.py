"""The means of hidden nodes: the rule that decides on initial guessing bias, and the nodes of single networks."""
