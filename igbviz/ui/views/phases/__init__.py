"""The page of the phase diagram: the map, the chosen point, and what was measured on the plane."""
