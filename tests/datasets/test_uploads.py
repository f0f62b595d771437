"""Zips of pictures become image folders, however they were zipped; hostile ones are refused in a sentence."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from igbviz.datasets import DataError, ImageFolder, uploads
from igbviz.disk.zips import ArchiveError
from tests.support.pictures import pets, picture, zipped

pytestmark = pytest.mark.usefixtures("data_root")


def files_of(pictures: uploads.Pictures) -> list[str]:
    return sorted(str(path.relative_to(pictures.folder)) for path in pictures.folder.glob("t*/*/*"))


def test_a_zip_of_two_folders_becomes_a_data_set_of_mixed_sizes(tmp_path: Path) -> None:
    pictures = uploads.add(zipped(pets()), "My pets (2026).zip", tmp_path)
    assert pictures.title == "My pets 2026" and pictures.folder.name.startswith("my-pets-2026-")
    assert pictures.class_names == ("cat", "dog") and pictures.counts == ((4, 2), (4, 2))
    assert (pictures.size, pictures.grayscale) == (32, False)
    assert "12 PNG RGB" in pictures.words and "resized from 6 sizes to 32 x 32" in pictures.words
    assert "1 in 4 left for testing" in pictures.words
    dataset = ImageFolder(folder=str(pictures.folder), size=pictures.size)
    data = dataset.load()
    assert data.shape == (3, 32, 32) and data.train_labels.tolist() == [0] * 4 + [1] * 4
    raw = dataset.with_(scaling="raw").load().train_images.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(pictures.images()[:, :4], raw.reshape(2, 4, 32, 32, 3)), "the network sees the thumbnails"
    assert (pictures.images()[:, 4:] == 255).all()


def test_the_same_zip_is_the_same_folder(tmp_path: Path) -> None:
    one, other = (uploads.add(zipped(pets()), name, tmp_path) for name in ("pets.zip", "again.zip"))
    assert one == other and uploads.sets(tmp_path) == [one]
    assert uploads.total(tmp_path) == one.bytes == sum(map(len, pets().values()))


def test_what_is_tested_depends_on_the_pictures_alone(tmp_path: Path) -> None:
    renamed = {f"{name.partition('/')[0]}/new-{place}.png": data for place, (name, data) in enumerate(pets().items())}
    one, other = (
        uploads.add(zipped(files), "pets.zip", tmp_path) for files in (pets(), dict(reversed(renamed.items())))
    )
    assert one.folder != other.folder and files_of(one) == files_of(other)


@pytest.mark.parametrize("above", ["pets/", "my/own/pets/", "pets\\"])
def test_folders_above_and_backslashes(above: str, tmp_path: Path) -> None:
    plain = uploads.add(zipped(pets()), "pets.zip", tmp_path)
    odd = {name.replace("/", "\\") if "\\" in above else name: data for name, data in pets(above=above).items()}
    assert files_of(uploads.add(zipped(odd), "odd.zip", tmp_path)) == files_of(plain)


def test_what_desktops_add_is_passed_over(tmp_path: Path) -> None:
    clutter = {
        "pets/.DS_Store": b"x",
        "__MACOSX/pets/cat/._0.png": b"x",
        "pets/cat/Thumbs.db": b"x",
        "pets/notes.txt": b"x",
        "pets/dog/IMG_1.HEIC": b"x",
        "pets/cover.png": picture(1),
        "pets/cat/copy of 0.png": pets()["cat/0.png"],
        "pets/dog/older/deep.png": picture(2),
        "pets/empty/": b"",
    }
    pictures = uploads.add(zipped(pets(above="pets/") | clutter), "pets.zip", tmp_path)
    assert sum(map(sum, pictures.counts)) == 13
    for words in ("3 hidden", "1 .txt", "1 .heic", "1 outside the class folders", "1 copies"):
        assert words in pictures.words
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [".lock", pictures.folder.name]


@pytest.mark.parametrize("train, test", [("train", "test"), ("Train", "val"), ("training", "Test")])
def test_a_split_is_kept(train: str, test: str, tmp_path: Path) -> None:
    files = pets(3, f"pets/{train}/") | {f"pets/{test}/{name}/9.png": picture(9) for name in ("cat", "dog")}
    pictures = uploads.add(zipped(files), "pets.zip", tmp_path)
    assert pictures.class_names == ("cat", "dog") and pictures.counts == ((3, 1), (3, 1))
    assert "left for testing" not in pictures.words


def test_small_squares_keep_their_size_and_grey_stays_grey(tmp_path: Path) -> None:
    from PIL import Image

    def digit(seed: int) -> bytes:
        file = io.BytesIO()
        Image.open(io.BytesIO(picture(seed, size=(28, 28)))).convert("L").save(file, "PNG")
        return file.getvalue()

    files = {f"{label}/{number}.png": digit(10 * label + number) for label in (2, 10) for number in range(2)}
    pictures = uploads.add(zipped(files), "digits.zip", tmp_path)
    assert (pictures.size, pictures.grayscale, pictures.class_names) == (None, True, ("2", "10"))
    assert pictures.counts == ((1, 1), (1, 1)) and pictures.images().shape == (2, 6, 28, 28, 3)


def test_two_spellings_are_one_class(tmp_path: Path) -> None:
    names = ("Ka\u0308fer/0.png", "K\u00e4fer/1.png", "dog/2.png", "dog/3.png")
    files = {name: picture(seed) for seed, name in enumerate(names)}
    assert uploads.add(zipped(files), "beetles.zip", tmp_path).class_names == ("K\u00e4fer", "dog")


def test_names_that_macos_does_not_mark_as_utf_8(tmp_path: Path) -> None:
    plain = zipped({f"{name}/{n}.png": picture(n + len(name)) for name in ("K##fer", "dog") for n in (0, 1)}).getvalue()
    mac = uploads.add(io.BytesIO(plain.replace(b"K##fer", "K\u00e4fer".encode())), "mac.zip", tmp_path)
    assert mac.class_names == ("K\u00e4fer", "dog")


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def encrypted() -> bytes:
    content = bytearray(zipped(pets()).getvalue())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.find(mark)
        content[place + offset] |= 1
    return bytes(content)


def cut_short() -> bytes:
    """A zip whose first picture is damaged."""
    content = bytearray(zipped(pets()).getvalue())
    start = content.find(b"cat/0.png") + len("cat/0.png")
    content[start + 20 : start + 60] = bytes(40)
    return bytes(content)


def lying() -> bytes:
    """A zip whose directory states a smaller size than unpacks: only so much is unpacked."""
    content = bytearray(zipped(pets()).getvalue())
    struct.pack_into("<L", content, content.find(b"PK\1\2") + 24, 50)
    return bytes(content)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"pictures", "is not a zip archive"),
    "nothing": (lambda: zipped({}).getvalue(), "has 0 folders with pictures, allowed: a zip with at least 2 folders"),
    "one class": (
        lambda: zipped({"cat/1.png": picture(1), "cat/2.png": picture(2)}).getvalue(),
        "has 1 folder with pictures (cat), allowed",
    ),
    "one picture in a class": (
        lambda: zipped(pets() | {"fox/1.png": picture(9), "fox/2.heic": b""}).getvalue(),
        "the class fox has 1 picture, allowed: at least 2; passed over: 1 .heic; save .heic photographs as .jpg",
    ),
    "copies only": (lambda: zipped(pets() | {f"fox/{n}.png": picture(9) for n in "ab"}).getvalue(), "1 picture"),
    "no test": (lambda: zipped(pets(above="train/") | {"test/cat/1.png": picture(1)}).getvalue(), "test has no dog"),
    "way out": (lambda: zipped(pets() | {"../../cat/evil.png": picture(1)}).getvalue(), "'../../cat/evil.png'"),
    "way out in Windows": (lambda: zipped(pets() | {"..\\cat\\evil.png": picture(1)}).getvalue(), "'../cat/evil.png'"),
    "absolute": (lambda: zipped(pets() | {"/etc/cat.png": picture(1)}).getvalue(), "'/etc/cat.png'"),
    "drive": (lambda: zipped(pets() | {"C:\\cat\\1.png": picture(1)}).getvalue(), "'C:/cat/1.png'"),
    "link": (lambda: zipped(pets() | {link("cat/9.png"): b"/etc/passwd"}).getvalue(), "cat/9.png is a link"),
    "encrypted": (encrypted, "cat/0.png is encrypted"),
    "nested": (lambda: zipped(pets() | {"more/inner.zip": b"PK"}).getvalue(), "another archive in it, more/inner.zip"),
    "bomb": (lambda: zipped(pets() | {"cat/9.bmp": bytes(2_000_000)}).getvalue(), "more than 300 times its size"),
    "no picture": (lambda: zipped(pets() | {"cat/9.png": b"no"}).getvalue(), "cat/9.png cannot be read as an image"),
    "torn": (lambda: zipped(pets() | {"cat/9.png": picture(1)[:300]}).getvalue(), "cat/9.png cannot be read as an"),
    "damaged": (cut_short, "cat/0.png"),
    "lying": (lying, "cat/0.png"),
    "long name": (lambda: zipped(pets() | {f"{'x' * 101}/1.png": picture(1)}).getvalue(), "too long"),
    "odd name": (lambda: zipped(pets() | {"a\nb/1.png": picture(1)}).getvalue(), "cannot be printed"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_zip_is_refused_in_a_sentence_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    make, words = HOSTILE[name]
    with pytest.raises((ArchiveError, DataError)) as caught:
        uploads.add(io.BytesIO(make()), "pets.zip", tmp_path / "cache")
    message = str(caught.value)
    assert words in message and "\n" not in message and len(message) < 400 and str(tmp_path) not in message
    assert [path.name for path in (tmp_path / "cache").rglob("*")] == ["pictures", ".lock"]
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


LIMITS = {
    "MAX_UPLOAD": (2000, "the zip is 0.0 MB large, allowed: at most 0.0 MB"),
    "MAX_CONTENT": (2000, "unpacked, allowed: at most 0.0 MB"),
    "MAX_TOTAL": (2000, "all uploaded pictures together"),
    "MAX_FILES": (11, "12 pictures, allowed: at most 11"),
    "MAX_CLASSES": (1, "2 folders with pictures (cat, dog), allowed: at most 1"),
    "MAX_PIXELS": (300, "pixels, allowed: at most"),
    "MAX_ALL_PIXELS": (1000, "megapixels together"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_every_limit_is_named(limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value, words = LIMITS[limit]
    monkeypatch.setattr(uploads, limit, value)
    with pytest.raises(ArchiveError, match="allowed") as caught:
        uploads.add(zipped(pets()), "pets.zip", tmp_path)
    assert words in str(caught.value)
    assert not uploads.sets(tmp_path)


def test_delete_removes_a_set_for_good(tmp_path: Path) -> None:
    uploads.delete(uploads.add(zipped(pets()), "pets.zip", tmp_path))
    assert uploads.sets(tmp_path) == [] and [path.name for path in (tmp_path / "pictures").iterdir()] == [".lock"]


def test_a_foreign_folder_is_no_set(tmp_path: Path) -> None:
    for name, content in (("a", "{}"), ("b", "[1]"), ("c", "{"), ("d", '{"class_names": 1, "counts": 2}')):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        (tmp_path / "pictures" / name / "about.json").write_text(content)
    assert uploads.sets(tmp_path) == []
