"""The hidden nodes of untrained networks: what their mean over the data has to do with initial guessing bias."""
