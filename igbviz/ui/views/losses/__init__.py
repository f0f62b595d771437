"""The page of losses: their gradients over p with the images of a run, and a comparison of all losses."""
