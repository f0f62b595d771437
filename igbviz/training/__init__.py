"""The stream of a run: weights are drawn, the network is probed, takes a step, is probed, ...

    loop                                       the method, to be read first
    network, data, evaluation, metrics         the untrained network, the batches, a probe and its tables
    stream                                     what `train` returns
    watched                                    the images that a probe follows one by one
    checkpoints, seeds, pace, devices, memory  resuming, randomness, time, and what a machine gives
    packed_inference, cuda_graphs, stacked     accelerations, each behind one line

Import from the modules; most of them import torch.
"""
