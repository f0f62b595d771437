"""`Probe` as a callback of the libraries that own the training loop: Lightning, Hugging Face's Trainer, skorch.

    igbviz.LightningProbe(images, labels)   Trainer(callbacks=[...])
    igbviz.TrainerProbe(inputs, labels)     Trainer(callbacks=[...]), of transformers
    igbviz.SkorchProbe(images, labels)      NeuralNetClassifier(callbacks=[...])

None of these libraries is needed before its callback is used.
"""
