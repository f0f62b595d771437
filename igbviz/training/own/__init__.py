"""A training of parts that somebody brings: a torch module, tensors, a loss.

Each of them gets the interface of the part of a configuration that it stands in for, so that the loop is the same.

    parts  the configuration with them in place of its own
    data   tensors or arrays in place of a data set
    model  a module, or a function that makes one, in place of an architecture

For a loss see `igbviz.losses.foreign`.
"""
