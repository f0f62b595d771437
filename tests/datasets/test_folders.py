"""Folders as they come from other systems: which files are read, in which order, and what is passed over."""

import os
import re
import unicodedata

import pytest
from PIL import Image

from igbviz.datasets import DataError, ImageFolder, Mnist
from igbviz.spec import ConfigError
from tests.support.datasets import sentence

pytestmark = pytest.mark.usefixtures("data_root")


def add(path, value=0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 10), (value, value, value)).save(path)


def test_subfolders_are_read_as_torchvision_reads_them(folder):
    from igbviz._torchvision import torchvision

    for value, name in enumerate(("2019/b.png", "2019/a.png", "z.png", "10/deep/er.png", "a.png")):
        add(folder / "train" / "cat" / name, value)
    os.symlink(folder / "train" / "cat", folder / "train" / "cat" / "2019" / "loop")
    expected = [path for path, _ in torchvision.datasets.ImageFolder(folder / "test").samples]
    (folder / "train" / "cat" / "2019" / "loop").rename(folder / "loop")
    expected = [path for path, _ in torchvision.datasets.ImageFolder(folder / "train").samples] + expected
    (folder / "loop").rename(folder / "train" / "cat" / "2019" / "loop")
    data = ImageFolder(folder=str(folder), scaling="raw").load()
    assert [len(data.train_images), len(data.test_images)] == [11, 4]
    assert data.train_labels.tolist() == [0] * 8 + [1] * 3
    images = [Image.open(path).convert("RGB").getpixel((0, 0)) for path in expected]
    assert [tuple(image[:, 0, 0].int().tolist()) for image in (*data.train_images, *data.test_images)] == images


def test_files_of_other_systems_are_passed_over_and_told(folder):
    for split in ("train", "test"):
        add(folder / split / "__MACOSX" / "cat" / "0.png")
        add(folder / split / ".ipynb_checkpoints" / "0.png")
    for name in ("Thumbs.db", "desktop.ini", "._0.png", ".DS_Store"):
        (folder / "train" / "cat" / name).write_text("x")
    (folder / "train" / "dog" / "notes.txt").write_text("not an image")
    add(folder / "train" / "stray.png")
    data = ImageFolder(folder=str(folder)).load()
    assert data.class_names == ("cat", "dog") and len(data.train_images) == 6
    assert "passed over: 8 hidden, " in data.source
    found = ImageFolder(folder=str(folder)).found()
    assert found.startswith("6 + 4 images of 2 classes, cat, dog; passed over: 8 hidden, ") and "1 .txt" in found
    assert "1 .txt" in data.source and "1 outside the class folders" in data.source


def test_classes_are_in_natural_order(folder):
    for name in ("10", "2", "a10b", "a9b"):
        for split in ("train", "test"):
            add(folder / split / name / "0.png")
    assert ImageFolder(folder=str(folder)).facts().class_names == ("2", "10", "a9b", "a10b", "cat", "dog")


def test_names_in_both_spellings_are_one_class(folder):
    one, other = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    add(folder / "train" / one / "0.png")
    add(folder / "train" / other / "1.png")
    add(folder / "test" / other / "0.png")
    data = ImageFolder(folder=str(folder)).load()
    assert data.class_names == (one, "cat", "dog") and data.train_labels.tolist() == [0] * 2 + [1] * 3 + [2] * 3


@pytest.mark.parametrize("name", [b"train/dog/\xff.png", b"train/\xe9/0.png"])
def test_names_that_are_not_utf8_are_refused(name, folder):
    path = os.path.join(os.fsencode(folder), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write((folder / "train" / "dog" / "0.png").read_bytes())
    message = sentence(ImageFolder(folder=str(folder)).facts, "not UTF-8", "rename")
    message.encode()  # it can be stored and shown


def test_a_path_that_is_not_utf8_is_refused():
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        ImageFolder(folder=os.fsdecode(b"/data/\xff"))
    str(caught.value).encode()


PASTED = ["{}", " {} ", '"{}"', "'{}'\n", ' "{}/" ', '" {} "', "\u201c{}\u201d", "`{}`", "\u202a{}", "file://{}"]


@pytest.mark.parametrize("pasted", PASTED)
def test_pasted_paths_work(pasted, folder):
    assert ImageFolder(folder=pasted.format(folder)) == ImageFolder(folder=str(folder))


@pytest.mark.parametrize(
    "pasted, path",
    [
        ("file:///my%20images/a%C3%A9", "/my images/a\u00e9"),
        ("FILE://localhost/data", "/data"),
        (r"/my\ images\ \(1\)", "/my images (1)"),
        ("$HOME/images", "~/images"),
        ("${HOME}", "~"),
        ("/data/$HOME", "/data/$HOME"),
    ],
)
def test_addresses_and_shell_words_are_paths(pasted, path):
    assert ImageFolder(folder=pasted).folder == path


@pytest.mark.parametrize(
    "path, named",
    [
        (r"C:\Users\me\images", "separates folders by /"),
        ("~nobody-of-this-name/images", "no user 'nobody-of-this-name'"),
        ("/" + 300 * "x", "does not exist"),
        ("file://[", "does not exist"),
    ],
)
def test_paths_of_no_folder_are_refused_in_a_sentence(path, named):
    for dataset in (ImageFolder(folder=path), Mnist(folder=path)):
        with pytest.raises(DataError, match=re.escape(named)):
            dataset.load()


def test_links_that_lead_to_themselves_are_passed_over(folder):
    for link in ("train/cat/0.jpg", "train/cat/loop", "train/bird"):
        os.symlink(os.path.basename(link), folder / link)
    source = ImageFolder(folder=str(folder)).load().source
    assert "6 + 4 images" in source and "2 not files" in source and "1 outside the class folders" in source


def test_what_stands_in_place_of_images_is_told(folder):
    for split in ("train", "test"):
        (folder / split / "bird").mkdir()
        (folder / split / "bird" / "0.heic").write_text("x")
    sentence(ImageFolder(folder=str(folder)).facts, "bird", "have no image", "passed over: 2 .heic")


def test_a_blank_after_a_name_can_be_seen(folder):
    (folder / "train" / "cat").rename(folder / "train" / "cat ")
    sentence(ImageFolder(folder=str(folder)).facts, "only train has 'cat ' and only test has cat")


def test_what_was_found_in_place_of_the_splits_is_told(folder):
    (folder / "train").rename(folder / "Training set")
    (folder / "test").rename(folder / "validation")
    sentence(ImageFolder(folder=str(folder)).facts, "no folder train and no folder test", "Training set, validation")
    sentence(ImageFolder(folder=str(folder / "validation" / "dog" / "0.png")).facts, "is not a folder")


def test_a_folder_that_cannot_be_listed_is_an_error(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        ImageFolder(folder=str(folder)).facts()


def test_links_that_run_in_a_circle_are_no_images(folder):
    for place in ("train/circle", "train/cat/circle.png"):
        (folder / place).symlink_to((folder / place).name)
    data = ImageFolder(folder=str(folder)).load()
    assert data.class_names == ("cat", "dog")
    assert "1 outside the class folders" in data.source and "1 not files" in data.source
