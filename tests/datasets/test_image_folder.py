"""A folder of images: read in the order of names, errors in one sentence, decoded once."""

import numpy as np
import pytest
import torch
from PIL import Image

from igbviz import datasets
from igbviz.datasets import FashionMini, GaussianNoise, ImageFolder, decoding, errors
from igbviz.datasets.base import luma
from tests.support.datasets import same, sentence

pytestmark = pytest.mark.usefixtures("data_root")


def test_grey_is_luma_in_folders_and_in_archives_alike(folder):
    colors, grey = (ImageFolder(folder=str(folder), grayscale=flag, scaling="raw").load() for flag in (False, True))
    assert colors.shape == (3, 10, 12) and grey.shape == (1, 10, 12)
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert ((colors.train_images * weights).sum(1) - grey.train_images[:, 0]).abs().max() <= 0.501
    assert torch.equal(luma(colors.train_images.byte()), grey.train_images.byte())


def test_an_image_folder_is_read_in_the_order_of_names(folder):
    data = ImageFolder(folder=str(folder), scaling="raw", examples_per_class=2).load()
    assert (
        data.class_names == ("cat", "dog")
        and data.train_labels.tolist() == [0, 0, 1, 1]
        and data.test_labels.tolist() == [0, 0, 1, 1]
    )
    for image, path in zip(data.train_images, ("cat/0", "cat/1", "dog/0", "dog/1"), strict=True):
        assert np.array_equal(image.permute(1, 2, 0), np.asarray(Image.open(folder / "train" / f"{path}.png")))


def test_facts_of_a_folder_follow_the_folder(folder):
    dataset = ImageFolder(folder=str(folder), grayscale=True)
    assert dataset.facts() == datasets.Facts(1, 12, ("cat", "dog"), 6, 4)
    (folder / "train" / "cat" / "1.png").unlink()
    assert dataset.facts().train_size == 5


def break_nothing_chosen(folder):
    return ImageFolder(), ["folder"]


def break_missing(folder):
    return ImageFolder(folder=str(folder / "elsewhere")), [folder / "elsewhere", "does not exist"]


def break_no_test(folder):
    (folder / "test").rename(folder / "exam")
    return ImageFolder(folder=str(folder)), [folder, "no folder test", "exam, train"]


def break_other_classes(folder):
    (folder / "test" / "dog").rename(folder / "test" / "wolf")
    return ImageFolder(folder=str(folder)), [folder, "only train has dog", "only test has wolf"]


def break_one_class(folder):
    for split in ("train", "test"):
        (folder / split / "dog").rename(folder / split / ".dog")
    return ImageFolder(folder=str(folder)), [folder / "train", "at least 2"]


def break_empty_class(folder):
    for path in (folder / "test" / "dog").iterdir():
        path.unlink()
    return ImageFolder(folder=str(folder)), [folder / "test" / "dog", ".jpg"]


def break_text_as_image(folder):
    (folder / "train" / "dog" / "1.png").write_text("no image")
    return ImageFolder(folder=str(folder)), [folder / "train" / "dog" / "1.png"]


def break_torn_image(folder):
    path = folder / "test" / "dog" / "1.png"
    path.write_bytes(path.read_bytes()[:200])
    return ImageFolder(folder=str(folder)), [path]


def break_torn_first_image(folder):
    (folder / "train" / "cat" / "0.png").write_bytes(b"")
    return ImageFolder(folder=str(folder)), [folder / "train" / "cat" / "0.png"]


BROKEN = {name: function for name, function in list(globals().items()) if name.startswith("break_")}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_folder_is_reported_in_one_sentence(broken, folder, data_root):
    dataset, names = broken(folder)
    sentence(dataset.load, *names)
    assert not list(data_root.glob("decoded/*.npz")), "no incomplete array is cached"


def test_too_many_pixels_are_refused_before_decoding(folder, monkeypatch):
    monkeypatch.setattr(errors, "MAX_VALUES", 1000)
    monkeypatch.setattr(decoding, "decode", None)
    sentence(ImageFolder(folder=str(folder)).load, folder, "10 images of 3 x 10 x 12", "size")
    sentence(FashionMini(size=14).load, "10000 images of 1 x 14 x 14")
    sentence(GaussianNoise().load, "12000 images")


def test_decoded_images_are_cached_until_the_folder_changes(folder, data_root, monkeypatch):
    decodings = []
    decode = decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda *args: decodings.append(args) or decode(*args))
    dataset = ImageFolder(folder=str(folder))
    first = dataset.load()
    assert same(first, dataset.load()) and len(decodings) == 1
    assert len(list(data_root.glob("decoded/*.npz"))) == 1, "and no temporary file is left"

    for other in ({"grayscale": True}, {"size": 16}):
        assert not torch.equal(
            ImageFolder(folder=str(folder), **other).load().train_images[:1, :1, :10, :12], first.train_images[:1, :1]
        )
    assert len(decodings) == 3

    Image.new("RGB", (12, 10)).save(folder / "train" / "cat" / "0.png")
    assert not same(first, dataset.load()) and len(decodings) == 4


DAMAGE = {
    "half of it": lambda content: content[: len(content) // 2],
    "a hole": lambda content: content[:300] + bytes(40) + content[340:],
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_file_is_decoded_again(damage, folder, data_root):
    dataset = ImageFolder(folder=str(folder))
    first = dataset.load()
    (cached,) = data_root.glob("decoded/*.npz")
    whole = cached.read_bytes()
    cached.write_bytes(damage(whole))
    assert cached.read_bytes() != whole
    assert same(first, dataset.load())
    assert cached.read_bytes() == whole, "and repaired"


def test_a_cache_that_is_not_writable_is_no_error(folder, tmp_path, monkeypatch):
    first = ImageFolder(folder=str(folder)).load()
    (tmp_path / "a file").touch()
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "a file" / "in the way"))
    assert same(first, ImageFolder(folder=str(folder)).load())
