"""API keys: in the store, and on the command line."""

import hashlib
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import orjson
import pytest

from recommend.cli import main
from recommend.errors import KeyNameError
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

pytestmark = pytest.mark.databases

Recommend = Callable[..., tuple[int, str, str]]


def sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@pytest.mark.parametrize("scopes", [some for count in (1, 2, 3) for some in combinations(Scope, count)])
def test_a_key_is_found_by_the_hash_of_its_secret_with_the_scopes_it_was_given(store: Store, scopes: Any) -> None:
    secret = store.keys.create("cms", [*scopes, *scopes])
    found = store.keys.find(sha256(secret))
    assert found is not None
    assert (found.name, found.scopes, found.revoked_at) == ("cms", frozenset(scopes), None)
    assert store.keys.all() == [found]
    for other in (secret[:-1], f"{secret} ", secret.upper(), "", secret.removeprefix("ra_")):
        assert store.keys.find(sha256(other)) is None
    assert store.keys.find(secret.encode()) is None


def test_secrets_carry_the_prefix_and_256_bits_and_never_repeat(store: Store) -> None:
    secrets = {store.keys.create(f"key {number}", [Scope.READ]) for number in range(20)}
    assert len(secrets) == 20
    assert all(secret.startswith("ra_") and len(secret) == 3 + 43 for secret in secrets)


@pytest.mark.databases("sqlite")
def test_the_secret_is_nowhere_in_the_database(store: Store, settings: Settings) -> None:
    secret = store.keys.create("cms", [Scope.WRITE])
    file = Path(settings.store.removeprefix("sqlite:///"))
    written = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert sha256(secret) in written
    assert secret.removeprefix("ra_").encode() not in written


def test_what_another_process_creates_and_revokes_holds_at_the_next_look(store: Store, settings: Settings) -> None:
    with closing(Store(settings.store)) as other:
        assert store.keys.find(sha256("x")) is None
        secret = other.keys.create("cms", [Scope.WRITE])
        assert store.keys.find(sha256(secret)) is not None
        assert other.keys.find(sha256(secret)) is not None
        other.keys.revoke("cms")
        assert store.keys.find(sha256(secret)) is None
        assert other.keys.find(sha256(secret)) is None


def test_keys_take_no_revision(store: Store) -> None:
    before = store.latest_revision()
    store.keys.create("cms", [Scope.WRITE])
    store.keys.revoke("cms")
    assert store.latest_revision() == before


def test_a_revoked_key_is_still_listed_keeps_its_date_and_its_name_is_never_used_again(store: Store) -> None:
    store.keys.create("cms", [Scope.WRITE])
    store.keys.create("batch", [Scope.WRITE])
    store.keys.revoke("cms")
    batch, cms = store.keys.all()
    assert (batch.revoked_at, cms.revoked_at is None) == (None, False)
    store.keys.revoke("cms")
    assert store.keys.all() == [batch, cms]
    for name in ("cms", "batch"):
        with pytest.raises(KeyNameError, match=f"key '{name}' exists; names are never used twice"):
            store.keys.create(name, [Scope.READ])
    assert store.keys.all() == [batch, cms]


@pytest.mark.parametrize("name", ["", " ", " cms", "cms ", "two\nlines", "\x1b[2J", "x" * 101])
def test_a_name_that_would_not_show_well_is_refused(store: Store, name: str) -> None:
    with pytest.raises(KeyNameError, match="a name is 1 to 100 printable characters"):
        store.keys.create(name, [Scope.READ])
    assert store.keys.all() == []


@pytest.fixture
def recommend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Recommend:
    """Runs the command in a folder of its own; exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["recommend", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return run


def test_the_command_line_creates_lists_and_revokes(recommend: Recommend) -> None:
    code, secret, told = recommend("keys", "create", "Foreign [desk]", "--scope", "write", "--scope", "curate")
    assert (code, told) == (0, "The secret is shown only now:\n")
    created = orjson.loads(recommend("keys", "create", "batch", "--scope", "write", "--json")[1])
    assert created == {"name": "batch", "scopes": ["write"], "secret": created["secret"]}
    with closing(Store("sqlite:///recommend.db")) as store:
        desk, batch = store.keys.find(sha256(secret.strip())), store.keys.find(sha256(created["secret"]))
        assert desk is not None
        assert batch is not None
        assert (desk.name, desk.scopes) == ("Foreign [desk]", frozenset({Scope.WRITE, Scope.CURATE}))
        assert recommend("keys", "revoke", "Foreign [desk]") == (0, "Foreign [desk] is revoked\n", "")
        assert store.keys.find(sha256(secret.strip())) is None
        assert store.keys.find(sha256(created["secret"])) == batch
    code, listed, _ = recommend("keys", "list")
    assert listed.startswith(f"Foreign [desk]  curate write  created {desk.created_at:%Y-%m-%d}  revoked 20")
    assert listed.endswith(f"batch  write  created {batch.created_at:%Y-%m-%d}  valid\n")
    rows = orjson.loads(recommend("keys", "list", "--json")[1])
    assert [(row["name"], row["revoked_at"] is None) for row in rows] == [("Foreign [desk]", False), ("batch", True)]
    assert not any(word in listed + str(rows) for word in ("ra_", "hash"))


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("keys create cms --scope read", 1, "error: key 'cms' exists; names are never used twice, choose another one"),
        ("keys revoke nobody", 1, "error: key 'nobody' is unknown; recommend keys list shows all"),
        ("keys create other", 2, "--scope"),
        ("keys create other --scope admin", 2, "admin"),
        ("keys", 2, ""),
    ],
)
def test_what_cannot_be_done_is_said(recommend: Recommend, command: str, code: int, message: str) -> None:
    recommend("keys", "create", "cms", "--scope", "write")
    ran = recommend(*command.split())
    assert ran[0] == code
    assert message in ran[2]
    assert "ra_" not in ran[1] + ran[2]
    assert len(orjson.loads(recommend("keys", "list", "--json")[1])) == 1
