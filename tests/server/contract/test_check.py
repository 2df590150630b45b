"""`python -m server.contract --check` names every file that is not what the protos imply."""

import shutil
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import __main__ as contract
from server.contract import image as images

STUB = "clients/emporium/type/v1/page_pb2.py"
ROUTES = "envoy/generated/routes.yaml"


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return images.build()


@pytest.fixture(scope="module")
def generated(image: FileDescriptorSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with every derived file, made by the command itself."""
    root = tmp_path_factory.mktemp("generated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract, "ROOT", root)
        assert contract._derive(image, check=False) is None
    return root


@pytest.fixture
def tree(generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a test may spoil."""
    root = tmp_path / "root"
    shutil.copytree(generated, root)
    monkeypatch.setattr(contract, "ROOT", root)
    return root


def test_what_was_just_made_is_fresh(image: FileDescriptorSet, tree: Path) -> None:
    assert contract._derive(image, check=True) is None


@pytest.mark.parametrize("path", [STUB, ROUTES])
def test_stale_missing_and_extra_files_are_named(
    image: FileDescriptorSet, tree: Path, path: str
) -> None:
    changed, gone = tree / path, (tree / path).with_name("gone" + Path(path).suffix)
    shutil.copyfile(changed, gone)
    assert said(image) == [f"extra: {gone.relative_to(tree)}"]
    gone.unlink()

    changed.write_text(changed.read_text() + "# touched\n")
    assert said(image) == [f"stale: {path}"]

    changed.unlink()
    assert said(image) == [f"missing: {path}"]


def said(image: FileDescriptorSet) -> list[str]:
    complaint = contract._derive(image, check=True)
    assert complaint
    *named, remedy = complaint.split("\n")
    assert remedy == "update with: make generate"
    return named


def test_generating_updates_all_of_it_and_leaves_the_rest_alone(
    image: FileDescriptorSet, tree: Path
) -> None:
    fresh = (tree / STUB).read_bytes()
    extra = (tree / STUB).with_name("extra_pb2.py")
    extra.write_bytes(fresh)
    by_hand = tree / "clients/emporium/by_hand.py"
    by_hand.write_text("# Mine.\n")
    untouched = (tree / ROUTES).stat().st_mtime_ns
    (tree / STUB).unlink()

    assert contract._derive(image, check=False) is None

    assert (tree / STUB).read_bytes() == fresh
    assert not extra.exists()
    assert by_hand.exists()
    assert (tree / ROUTES).stat().st_mtime_ns == untouched
