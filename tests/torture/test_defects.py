"""Each known mistake still has a place in the code; `make defects` plants them and runs the tests."""

import shutil

import pytest

from tests.torture.defects import DEFECTS, ROOT, plant


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_mistake_can_be_planted(defect, tmp_path):
    path = tmp_path / "reconciler" / defect.module
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / "reconciler" / defect.module, path)
    plant(tmp_path, defect)
    compile(path.read_text("utf-8"), str(path), "exec")


def test_a_mistake_whose_place_is_gone_is_told(tmp_path):
    (tmp_path / "reconciler" / "apply").mkdir(parents=True)
    for defect in DEFECTS:
        if defect.module == "apply/result.py":
            (tmp_path / "reconciler" / defect.module).write_text("")
            with pytest.raises(ValueError, match="holds 0 times"):
                plant(tmp_path, defect)
