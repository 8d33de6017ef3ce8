from pathlib import Path

import pytest

from datamodules.data_errors import DataError
from datamodules.gt.class_file import ClassFile, read_class_file
from datamodules.gt.decision import free_target
from tests.helpers.real_data import REAL

NAMES = REAL / "labelme_voc3" / "class_names.txt"


def read(folder: Path, content: str, name: str = "classes.yaml") -> ClassFile:
    (folder / name).write_text(content, encoding="utf-8")
    return read_class_file(str(folder / name))


def test_a_list_gives_names_values_and_what_is_ignored(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "- {name: 背景, value: 0}\n- {name: road, value: [7, 8]}\n- {name: border, value: 255, ignored: true}\n",
    )
    assert found == ClassFile(["背景", "road"], [0, [7, 8]], [255])


def test_colours_are_texts_or_three_numbers(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "- {name: nothing, color: '#000000'}\n- {name: car, colour: [255, 0, 16]}\n"
        "- name: tree\n  color: ['#00FF00', [0, 128, 0]]\n- {name: edge, color: '#ffffff', ignored: true}\n",
    )
    assert found == ClassFile(["nothing", "car", "tree"], ["#000000", "#ff0010", ["#00ff00", "#008000"]], ["#ffffff"])


def test_a_mapping_gives_names_and_values(tmp_path: Path) -> None:
    assert read(tmp_path, "background: 0\ncell: 1\nvoid: {value: -1, ignored: true}\n") == ClassFile(
        ["background", "cell"], [0, 1], [-1]
    )
    assert read(tmp_path, '{"a": "#000000", "b": "#0000ff"}', "c.json").values == ["#000000", "#0000ff"]


def test_a_text_file_gives_a_name_a_line_and_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, "__ignore__\n_background_\n\n cell \n", "names.txt")
    assert found == ClassFile(["_background_", "cell"], [0, 1], [255], is_by_line=True)


@pytest.mark.skipif(not NAMES.is_file(), reason=f"{NAMES} is absent")
def test_the_names_of_a_real_set_are_read() -> None:
    found = read_class_file(str(NAMES))
    assert (len(found.names), found.names[0], found.names[20], found.values[20]) == (
        21,
        "_background_",
        "tv/monitor",
        20,
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- {name: a, value: 0}\n- {name: b, color: #ff0000}\n", "cannot be read"),
        ("- {name: a, value: 0}\n- name: b\n  color: #ff0000\n", r"b: .*no value.*with quotes"),
        ("- {name: a, value: 0}\n- {name: b, value: 0}", "0 occurs twice"),
        ("- {name: a, value: 0}\n- {name: a, value: 1}", "a occurs twice"),
        ("- {name: a, value: 0}\n- {name: b, color: '#000001'}", "some classes have numbers and others have colours"),
        ("- {name: a, value: 0}\n- {name: b, value: 1, ignored: true}", "fewer than two classes"),
        ("- {name: a, value: -1}\n- {name: b, value: 1}", "negative"),
        ("- {name: a, value: 0.5}\n- {name: b, value: true}", r"a: .*no value.*b: .*no value"),
        ("- {name: a, value: 0}\n- {name: b, color: [0, 0, 256]}", "b: .*no value"),
        ("- {name: a, value: 0}\n- {name: b, color: red}", "b: .*no value"),
        ("- {name: a, value: 0}\n- {name: b, value: 99999999}", "b: .*no value"),
        ("- {name: a, value: 0}\n- {name: b, value: 1, weight: 3}", "b: weight is not understood"),
        ("- {value: 0}\n- 7", r"a class needs a name.*7: a class needs a name"),
        ("7", "no list of classes"),
        ("", "no list of classes"),
        ("a: [", "cannot be read"),
        ("!!python/object/apply:os.getcwd []", "cannot be read"),
    ],
)
def test_what_cannot_be_understood_is_said(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)--data\.classes .*classes\.yaml.*{problem}"):
        read(tmp_path, content)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--data\.classes .*absent\.yaml: cannot be read"):
        read_class_file(str(tmp_path / "absent.yaml"))


def test_a_file_of_names_has_4096_of_them_at_most(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    for count in (4096, 4097):
        file.write_text("\n".join(f"class {number}" for number in range(count)), encoding="utf-8")
        if count == 4096:
            assert len(read_class_file(str(file)).names) == count
    with pytest.raises(DataError, match="it has 4097 lines"):
        read_class_file(str(file))


def test_ignored_pixels_get_the_first_number_that_is_no_class() -> None:
    assert [free_target(count) for count in (255, 256)] == [255, 65535]
