"""Two measurements beside the phase diagram: gamma against c, and accuracy after some steps against gamma.

`python -m igbviz.studies.phases` makes both; it can be interrupted and resumed.
"""
