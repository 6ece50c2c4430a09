"""What belongs together: folders of classes, lists, and samples of pairs."""

from pathlib import Path

import numpy as np
import pytest

from simx.common.errors import InputError
from simx.evaluation import relations
from simx.evaluation.relations import pairs_of_classes, pairs_of_rows
from simx.evaluation.truth import read_pictures, readable


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    """Pictures below a sub-folder are of its class; other and hidden files are not pictures."""
    names = ("b/1.jpg", "b/deep/2.PNG", "a/3.webp", "a/notes.txt", "a/.4.jpg", ".git/5.jpg")
    found = read_pictures(touch(tmp_path, *names, "list.csv"))

    assert found.kind == "classes"
    assert [path.name for path in found.files] == ["3.webp", "1.jpg", "2.PNG"]
    assert found.labels.tolist() == [0, 1, 1]
    assert found.skipped == 2


def test_a_folder_without_classes_is_compared_with_changes(tmp_path: Path) -> None:
    """Each picture is a class, with its changed copies."""
    found = read_pictures(touch(tmp_path, "2.jpg", "1.jpg"))

    assert found.kind == "changes"
    assert found.labels.tolist() == [0, 1]
    assert found.changes[0] is None
    assert len(found.changes) == 8


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((), "has no pictures"),
        (("a/1.txt", "2.txt"), "has no pictures"),
        (("a/1.jpg", "a/2.jpg"), "pictures in one sub-folder only"),
        (("a/1.jpg", "b/2.jpg"), "has one picture in each sub-folder"),
        (("1.jpg",), "one picture only"),
        (("a/1.jpg", "b/2.jpg", "3.jpg"), "beside its sub-folders.*move 3.jpg"),
    ],
)
def test_a_folder_that_compares_nothing_is_refused(
    tmp_path: Path, names: tuple[str, ...], problem: str
) -> None:
    """The message says what is missing, and where."""
    with pytest.raises(InputError, match=f"pictures .*{tmp_path.name}.*{problem}"):
        read_pictures(touch(tmp_path, *names))


def test_a_list_of_triplets_names_files_beside_it(tmp_path: Path) -> None:
    """A picture that is named twice is embedded once."""
    path = tmp_path / "list.csv"
    path.write_text("Anchor,positive,negative\na.jpg,b.jpg,c.jpg\n\nb.jpg,a.jpg,d/e.jpg\n")
    found = read_pictures(path)
    pairs = pairs_of_rows(found.kind, found.rows, found.same)

    assert found.kind == "triplets"
    assert found.files == tuple(tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg", "d/e.jpg"))
    assert found.rows.tolist() == [[0, 1, 2], [1, 0, 3]]
    assert pairs.left.tolist() == [0, 0, 1, 1]
    assert pairs.right.tolist() == [1, 2, 0, 3]
    assert pairs.same.tolist() == [True, False, True, False]


def test_a_list_of_pairs_says_which_belong_together(tmp_path: Path) -> None:
    """The third column is 1 or 0, or a word for it."""
    path = tmp_path / "list.csv"
    path.write_text('first,second,same\na.jpg,"b, c.jpg",1\na.jpg,d.jpg,No\n')
    found = read_pictures(path)

    assert found.kind == "pairs"
    assert found.rows.tolist() == [[0, 1], [0, 2]]
    assert found.same.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "begins with other columns than anchor,positive,negative or first,second,same"),
        ("a,b\n", "begins with other columns"),
        ("anchor,positive,negative\na,b\n", "line 2 is 'a,b', not anchor,positive,negative"),
        ("anchor,positive,negative\na,,c\n", "line 2 is"),
        ("first,second,same\na,b,1\na,c,maybe\n", "line 3 is 'a,c,maybe'"),
        ("first,second,same\na,b,1\na,c,1\n", "needs pairs that belong together, and pairs"),
        ("anchor,positive,negative\n", "needs pairs"),
        ('anchor,positive,negative\n"a,b,c\n', "is not a CSV file"),
    ],
)
def test_a_list_that_cannot_be_understood_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    """The message names the line."""
    path = tmp_path / "list.csv"
    path.write_text(text)

    with pytest.raises(InputError, match=f"pictures .*list.csv: {problem}"):
        read_pictures(path)


def test_rows_with_unreadable_pictures_are_left_out(tmp_path: Path) -> None:
    """The places of the others follow."""
    path = tmp_path / "list.csv"
    path.write_text("anchor,positive,negative\na,b,c\nd,e,f\nf,e,d\n")
    left = readable(read_pictures(path), [True, False, True, True, True, True])

    assert [each.name for each in left.files] == ["a", "c", "d", "e", "f"]
    assert left.rows.tolist() == [[2, 3, 4], [4, 3, 2]]


@pytest.mark.parametrize("counts", [(True, True, False, False), (True, False, True, False)])
def test_too_few_readable_pictures_are_an_error(tmp_path: Path, counts: tuple[bool, ...]) -> None:
    """One class is left, or no class has two."""
    found = read_pictures(touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg"))

    with pytest.raises(InputError, match="too few pictures can be read"):
        readable(found, counts)


def test_few_pictures_are_compared_in_all_pairs() -> None:
    """Each pair once."""
    labels = np.array([0, 0, 1, 2, 2])
    pairs = pairs_of_classes(labels, 0)

    assert pairs.population == 10
    assert len(set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))) == 10
    assert pairs.same.sum() == 2


def test_a_sample_of_pairs_is_fair(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pair twice; half of each kind; every pair of a kind as often as the others."""
    monkeypatch.setattr(relations, "MOST_PAIRS", 60)
    labels = np.repeat(np.arange(4), [2, 5, 8, 5])
    seen = np.zeros((20, 20), np.int64)
    for seed in range(400):
        pairs = pairs_of_classes(labels, seed)
        assert pairs.population == 190
        assert pairs.same.sum() == 30
        assert len(pairs.same) == 60
        assert (pairs.left < pairs.right).all()
        assert (pairs.same == (labels[pairs.left] == labels[pairs.right])).all()
        np.add.at(seen, (pairs.left, pairs.right), 1)
    same = labels[:, np.newaxis] == labels
    upper = np.triu(np.ones((20, 20), np.bool_), 1)

    assert seen.max() <= 400
    for kind, population in ((upper & same, 49), (upper & ~same, 141)):
        expected = 400 * 30 / population
        assert abs(seen[kind] - expected).max() < 6 * expected**0.5
