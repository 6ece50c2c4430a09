"""A store behind a URL: machines share files by their hashes, and all have equal bytes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

from simx.common.errors import InputError, ProviderUnavailableError, SimxError, SystemFailureError
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import MANIFEST_FILE, MODEL_FILE, Manifest, sealed
from simx.exporter.store.remote import RemoteStore, opened_store
from simx.exporter.store.store import Store
from tests.exporter.store.test_store import RESNET18, publish

MANIFEST_THERE = f"exports/{RESNET18.model}/{RESNET18.weights}/pooled-fp32-0123456789abcdef.json"


class Machines:
    """Machines with a local copy each, and what is behind their URL."""

    def __init__(self, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = url
        self.system: Any = fsspec.core.url_to_fs(url)[0]
        self.notices: list[str] = []
        self._folder = folder
        self._monkeypatch = monkeypatch

    def __getitem__(self, name: str) -> RemoteStore:
        """Return the store as it is opened on a machine."""
        self._monkeypatch.setenv("XDG_CACHE_HOME", str(self._folder / name))
        store = opened_store(self.url, self.notices.append)
        assert isinstance(store, RemoteStore)
        return store

    def there(self, path: str) -> str:
        return f"{self.url}/{path}"

    def file(self, entry: Entry, name: str) -> str:
        return self.there(f"files/{entry.manifest.files[name].sha256}")

    def files(self) -> list[str]:
        """Return all names there."""
        place = fsspec.core.url_to_fs(self.url)[1]
        return sorted(each.removeprefix(f"{place}/") for each in self.system.find(place))


@pytest.fixture(params=["memory", "file"])
def machines(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Machines:
    place = tmp_path / "there"
    return Machines(f"{request.param}://{place}", tmp_path, monkeypatch)


def brought(store: RemoteStore) -> Entry:
    """Return the only entry of a store, with its files."""
    (entry,) = store.held(RESNET18, "pooled")
    found = store.bring(entry)
    assert found.damage() is None
    return found


def test_what_one_machine_publishes_another_gets(machines: Machines) -> None:
    """The manifest at a look, the files when they are needed, as they were."""
    published = publish(machines["one"])
    store = machines["other"]
    (seen,) = store.entries()

    assert seen.manifest == published.manifest
    assert not seen.is_complete()
    assert store.entry_at(seen.manifest.identity, seen.key) == seen
    assert store.bring(seen).model_path.read_bytes() == b"graph"
    assert brought(machines["other"]).is_complete()
    assert brought(machines["other"]).store != published.store
    assert [*(store.root / "unfinished").iterdir()] == []


def test_files_are_there_once_by_their_hashes(machines: Machines) -> None:
    """Entries with the same weights share them, and nothing else is written."""
    entries = [publish(machines["one"], key=key * 16, content=key.encode()) for key in "ab"]
    hashes = {entry.manifest.weights.sha256 for entry in entries}
    hashes |= {each.sha256 for entry in entries for each in entry.manifest.files.values()}

    assert len(hashes) == 4
    assert {f"files/{each}" for each in hashes} == {
        each for each in machines.files() if not each.startswith("exports/")
    }


def test_other_things_are_not_found(machines: Machines) -> None:
    """Nothing there, or another embedding, is no entry and no error."""
    assert machines["one"].entries() == []
    publish(machines["one"])

    assert machines["other"].held(RESNET18, "flat") == []
    assert machines["other"].entries("resnet34/*/*") == []


def test_the_first_publisher_stays(machines: Machines) -> None:
    """Who comes later, with other bytes of the same key, gets those of the first."""
    publish(machines["one"], content=b"first")
    second = publish(machines["other"], content=b"second")

    assert second.model_path.read_bytes() == b"first"
    assert second.damage() is None
    assert brought(machines["third"]).model_path.read_bytes() == b"first"


class Intervening:
    """A file system on which something else happens before one of the calls that use it."""

    def __init__(self, system: Any, before: int, act: Callable[[], object]) -> None:
        self._system = system
        self._left = before
        self._act = act

    @property
    def was_reached(self) -> bool:
        return self._left < 0

    def __getattr__(self, name: str) -> Any:
        self._left -= 1
        if self._left == -1:
            self._act()
        return getattr(self._system, name)


CALLS = range(16)
"""More than publishing makes."""


@pytest.mark.parametrize("before", CALLS)
@pytest.mark.parametrize("is_damaged", [False, True])
def test_publishers_who_race_have_equal_bytes(
    machines: Machines, before: int, *, is_damaged: bool
) -> None:
    """Whenever another machine publishes the same key, the last one takes what is there."""
    if is_damaged:
        machines.system.rm_file(machines.file(publish(machines["earlier"]), MODEL_FILE))
    store, other = machines["one"], machines["other"]
    others: list[Entry] = []
    system = Intervening(
        store._system, before, lambda: others.append(publish(other, content=b"other"))
    )
    store._system = system
    entry = publish(store, content=b"own")

    assert entry.damage() is None
    assert entry.model_path.read_bytes() == brought(machines["third"]).model_path.read_bytes()
    if others and not is_damaged:
        assert entry.manifest == others[0].manifest


class Killed(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("before", CALLS)
def test_a_publisher_that_is_killed_leaves_no_part(machines: Machines, before: int) -> None:
    """Others see its entry complete or not at all, and can publish it."""

    def kill() -> None:
        raise Killed

    store = machines["one"]
    store._system = Intervening(store._system, before, kill)
    try:
        publish(store, content=b"first")
    except Killed:
        seen = machines["reader"].entries()
        assert all(machines["reader"].bring(each).is_complete() for each in seen)
    else:
        assert not store._system.was_reached
    entry = publish(machines["other"], content=b"second")

    assert entry.damage() is None
    assert brought(machines["third"]).model_path.read_bytes() == entry.model_path.read_bytes()
    assert machines.notices == []


def remove(machines: Machines, path: str) -> None:
    machines.system.rm_file(path)


def cut(machines: Machines, path: str) -> None:
    machines.system.pipe_file(path, machines.system.cat_file(path)[:-1])


def flip(machines: Machines, path: str) -> None:
    data = bytearray(machines.system.cat_file(path))
    data[0] ^= 1
    machines.system.pipe_file(path, bytes(data))


@pytest.mark.parametrize("harm", [remove, cut, flip])
@pytest.mark.parametrize("content", [b"graph", b"another graph"])
@pytest.mark.parametrize("part", ["model", "weights"])
def test_what_is_damaged_there_is_made_again(
    machines: Machines, harm: Callable[[Machines, str], None], content: bytes, part: str
) -> None:
    """It counts as missing and is named in one line; the new export, equal or not, replaces it."""
    entry = publish(machines["one"])
    weights = machines.there(f"files/{entry.manifest.weights.sha256}")
    harm(machines, machines.file(entry, MODEL_FILE) if part == "model" else weights)
    store = machines["other"]
    (seen,) = store.entries()

    assert not store.bring(seen).is_complete()
    assert len(machines.notices) == 1
    assert "is missing or damaged" in machines.notices[0]
    again = publish(store, content=content)
    assert again.damage() is None
    assert brought(machines["third"]).model_path.read_bytes() == content
    assert again.model_path.read_bytes() == content


@pytest.mark.parametrize("harm", [cut, flip])
def test_a_damaged_manifest_there_is_replaced(
    machines: Machines, harm: Callable[[Machines, str], None]
) -> None:
    """It is left out with one line, and does not stay in the copies."""
    publish(machines["one"])
    harm(machines, machines.there(MANIFEST_THERE))
    store = machines["other"]

    assert store.entries() == []
    assert "manifest" in machines.notices[0]
    publish(machines["third"], content=b"new")
    assert brought(store).model_path.read_bytes() == b"new"


def test_a_copy_gets_what_has_been_replaced(machines: Machines) -> None:
    """A manifest in the copy whose files are not needed until later may be an old one."""
    store = machines["other"]
    machines.system.rm_file(machines.file(publish(machines["one"]), MODEL_FILE))
    (seen,) = store.entries()
    publish(machines["third"], content=b"new")

    assert store.bring(seen).model_path.read_bytes() == b"new"
    assert machines.notices != []


def test_damage_here_is_mended_from_there(machines: Machines) -> None:
    """What is discarded comes again."""
    store = machines["one"]
    entry = publish(store)
    entry.model_path.write_bytes(b"other")
    store.discard(entry)

    assert brought(store).model_path.read_bytes() == b"graph"


def test_names_lead_nowhere_else(machines: Machines, tmp_path: Path) -> None:
    """Neither a name of an object nor one in a manifest makes a file outside of its folder."""

    def elsewhere(manifest: Manifest) -> Manifest:
        (record, *_) = manifest.files.values()
        return msgspec.structs.replace(manifest, files={"../../../../../escaped": record})

    entry = publish(machines["one"])
    evil = sealed(elsewhere(entry.manifest))
    machines.system.pipe_file(machines.there(MANIFEST_THERE), evil)
    if machines.url.startswith("memory"):
        for name in ("../escaped/x", "a/../escaped", "escaped"):
            machines.system.store[machines.there(f"exports/{name}.json").partition(":/")[2]] = (
                machines.system.store[machines.there(MANIFEST_THERE).partition(":/")[2][1:]]
            )
    store = machines["other"]

    assert store.entries() == []
    assert "files that are not beside it" in machines.notices[0]
    assert not list(tmp_path.rglob("escaped*"))


class Unreachable(MemoryFileSystem):  # type: ignore[misc] # mypy skips fsspec, an extra
    """A file system that nobody reaches."""

    protocol = "unreachable"

    def _fail(self, *_: object, **__: object) -> Any:
        raise RuntimeError("no route\nto \x1b[31mhost")

    find = info = cat_file = pipe_file = put_file = get_file = _fail


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.entries(),
        lambda store: store.require_writable(),
        publish,
    ],
)
def test_a_place_that_cannot_be_reached_is_one_line(
    use: Callable[[Store], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the URL, and what the file system says."""
    fsspec.register_implementation("unreachable", Unreachable, clobber=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SystemFailureError) as caught:
        use(opened_store("unreachable://place/simx"))

    text = "store unreachable://place/simx: cannot be reached (no route to host); "
    assert str(caught.value).startswith(text)


def refusal(url: str) -> SimxError:
    with pytest.raises(SimxError) as caught:
        opened_store(url)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


@pytest.mark.parametrize(
    "url",
    ["s3://key:sec/ret@bucket/simx", "sftp://user:sec/ret@host/", "gs://bucket/a?sig=sec/ret"],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    """Journals and messages have the URL."""
    error = refusal(url)

    assert isinstance(error, InputError)
    assert "sec/ret" not in str(error)


@pytest.mark.parametrize("url", ["nonsense://bucket", "https://example.org/simx"])
def test_where_nothing_can_be_written_is_a_wrong_argument(url: str) -> None:
    error = refusal(url)

    assert isinstance(error, InputError)
    assert f"store {url}: " in str(error)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the scheme, or fsspec itself."""
    found = {"class": "simxabsent.core.Files", "err": "install it"}
    monkeypatch.setitem(known_implementations, "absent", found)
    of_scheme = refusal("absent://bucket")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    of_all = refusal("memory://place")

    assert isinstance(of_scheme, ProviderUnavailableError)
    assert "pip install simxabsent" in str(of_scheme)
    assert isinstance(of_all, ProviderUnavailableError)
    assert str(of_all).endswith("pip install fsspec")


def test_a_folder_may_be_called_as_a_url_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is here goes before what is elsewhere; every store names itself for other machines."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "memory:" / "place").mkdir(parents=True)

    assert not isinstance(opened_store("memory://place"), RemoteStore)
    assert opened_store("some").name == str(tmp_path / "some")
    assert opened_store("memory://other/").name == "memory://other"


def test_a_damaged_manifest_in_the_copy_harms_nothing_there(machines: Machines) -> None:
    """It is left out, and publishing brings what is there."""
    store = machines["one"]
    entry = publish(store, content=b"first")
    (entry.folder / MANIFEST_FILE).write_bytes(b"{}")

    assert store.entries() == []
    assert publish(store, content=b"second").model_path.read_bytes() == b"first"
    assert brought(machines["other"]).model_path.read_bytes() == b"first"
