"""The images that a run watches one by one, in three files of its folder: which they are, how they look, what they do.

    images.json   place in the data, true label and given label of each image, and how the sprite is divided
    images.png    their thumbnails in one picture, so that they can be shown without the data
    images.bin    one record per probe

Written in this order, and each record of images.bin before the probe's record in trajectory.bin: where a probe is
recorded, so are its images. Runs of an ensemble, of more than 240 classes or of an older version have none of them.

    files       reading and checking them
    recorder    writing them while a run is trained
    sprite      thumbnails as one picture

Import from the modules; none of them imports torch.
"""
