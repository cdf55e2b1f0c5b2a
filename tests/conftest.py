"""What tests share: the real encoder and the sample corpus once a session, a toy newsroom elsewhere."""

from __future__ import annotations

import gc
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from hypothesis import settings as hypothesis_settings
from numpy.typing import NDArray
from sqlalchemy import make_url

from recommend.articles.article import Article, parse_article
from recommend.articles.text import terms
from recommend.encoder import Encoder, open_encoder
from recommend.index.snapshot.build import Recipe, build_snapshot
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.stamps import keep_stamp, stamp_of
from recommend.ingest import ingest
from recommend.jobs.agreement import agree
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import lists_to_load, make_lists
from recommend.jobs.reindex import ReindexResult, reindex
from recommend.recommender import Recommender
from recommend.settings import EncoderSettings, IndexSettings, PgvectorSettings, Settings
from recommend.store import Store

if TYPE_CHECKING:
    from servers import Server

pytest_plugins = ["servers"]

ROOT = Path(__file__).parents[1]

gc.disable()  # until all tests are imported
hypothesis_settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis_settings.load_profile("repeatable")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Leaves what is imported by now out of every later search for garbage: that was a tenth of the tests' time."""
    gc.enable()
    gc.collect()
    gc.freeze()


class ToyEncoder:
    """A bag of hashed words: cheap, the same everywhere, and alike for texts that share words."""

    def __init__(self, fingerprint: str = "toy") -> None:
        self.fingerprint, self.dimension, self.max_tokens = fingerprint, 48, 128
        self.language: str | None = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings (n, 48) float32 of unit length."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for term in terms(text) or [text]:
                hashed = int.from_bytes(blake2b(term.encode(), digest_size=8).digest())
                vectors[row, hashed % self.dimension] += 1.0 + hashed % 7 / 10
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


@dataclass(frozen=True)
class Newsroom:
    """A store, an index and an encoder that belong together, and the steps that most tests take with them."""

    store: Store
    settings: Settings
    encoder: Encoder

    @property
    def layout(self) -> IndexLayout:
        """The index folder."""
        return IndexLayout(self.settings.index)

    @property
    def live(self) -> Manifest:
        """The manifest of the published snapshot."""
        return self.layout.snapshot(current_name(self.layout) or "").read_manifest()

    def indexing(self, **settings: object) -> Newsroom:
        """The same with other settings of the index."""
        update = {"indexing": IndexSettings.model_validate(settings)}
        return replace(self, settings=self.settings.model_copy(update=update))

    def take(self, *articles: Article) -> int:
        """Stores articles; returns the latest revision."""
        ingest(self.store, self.encoder, articles, republish=True)
        return self.store.latest_revision()

    def build(self) -> Manifest:
        """Builds a snapshot without publishing it."""
        return build_snapshot(self.store, self.layout, Recipe(self.encoder, "toy", None, self.settings.indexing, 200))

    def reindex(self, *, full: bool = False) -> ReindexResult:
        """Builds and publishes a snapshot; what goes to a server takes its ready lists along."""
        hooks = Hooks(agrees=partial(agree, self.store, self.settings))
        if self.settings.pgvector.url:
            lists, listed = partial(make_lists, self.settings), partial(lists_to_load, self.settings)
            hooks = replace(hooks, lists=lists, listed=listed)
        return reindex(self.store, self.encoder, self.settings, full=full, hooks=hooks)

    def recommender(self) -> Recommender:
        """What readers are answered by."""
        return Recommender(self.store, self.settings, self.encoder)


OpenNewsroom = Callable[..., AbstractContextManager[Newsroom]]


@pytest.fixture(scope="session")
def models() -> Path:
    """The repository's models folder, the default encoder's weights made."""
    open_encoder(EncoderSettings(), ROOT / "models")
    return ROOT / "models"


@pytest.fixture(scope="session")
def encoder(models: Path) -> Encoder:
    """The default encoder."""
    return open_encoder(EncoderSettings(), models)


@pytest.fixture(scope="session")
def toy_encoder() -> Encoder:
    """For tests that are about something else."""
    return ToyEncoder()


@pytest.fixture(scope="session")
def other_toy_encoder() -> Encoder:
    """The same with another fingerprint, as after a change of encoder."""
    return ToyEncoder("other toy")


def read_sample(name: str) -> list[Article]:
    """The articles of a file of the sample corpus."""
    lines = (ROOT / "examples" / "corpus" / name).read_bytes().splitlines()
    return [parse_article(orjson.loads(line)) for line in lines]


@pytest.fixture(scope="session")
def corpus() -> list[Article]:
    """The sample corpus."""
    return read_sample("articles.jsonl")


@pytest.fixture(scope="session")
def in_languages() -> list[Article]:
    """The part of the sample corpus that tells stories in eight languages."""
    return read_sample("languages.articles.jsonl")


@pytest.fixture(scope="session")
def stories() -> list[Article]:
    """60 toy articles on six topics; three words in seven are of the topic only. Every third links to two others."""
    chance = random.Random(1)
    words = ["".join(chance.choices("bdfgklmnprst", k=2) + chance.choices("aeiou", k=3)) for _ in range(240)]

    def text(topic: int, count: int) -> str:
        return " ".join(chance.choices(words[topic * 40 : topic * 40 + 40] * 5 + words, k=count))

    return [
        Article(
            id=f"story-{n:02}",
            title=text(n % 6, 6),
            text=text(n % 6, 30),
            section=f"section {n % 6}",
            links_to=[f"story-{other % 60:02}" for other in (n + 6, 7 * n)] if n % 3 == 0 else [],
        )
        for n in range(60)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs tests that use a database on the kinds that their marker ``databases`` names, on all if it names none."""
    marker = metafunc.definition.get_closest_marker("databases")
    if marker is not None and "dialect" in metafunc.fixturenames:
        kinds = marker.args or ("sqlite", "postgresql")
        metafunc.parametrize("dialect", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def dialect(request: pytest.FixtureRequest) -> str:
    """The kind of database: SQLite, or what $RECOMMEND_TEST_DATABASE names, but for tests marked ``databases``."""
    return str(getattr(request, "param", os.environ.get("RECOMMEND_TEST_DATABASE", "sqlite")))


@pytest.fixture(scope="session")
def new_store(dialect: str, request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[str]]:
    """Gives the URL of a store without articles, for as long as no other is asked for: fit for many in one test."""
    if dialect != "sqlite":
        server: Server = request.getfixturevalue(dialect)
        url = server.create("store_1")
        articles = ("articles", "embeddings", "boilerplate")
        tables = (*articles, "curation", "curation_log", "rules", "keys", "events", "refused_events", "sessions")
        statements = "; ".join([*(f"DELETE FROM {table}" for table in tables), "UPDATE revision SET value = 0"])

        @contextmanager
        def emptied() -> Iterator[str]:
            server.sql(statements, make_url(url).database)
            yield url

        return emptied
    folder_of_empty: Path = request.getfixturevalue("empty")

    @contextmanager
    def copied() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{shutil.copytree(folder_of_empty, Path(folder) / 'store') / 'recommend.db'}"

    return copied


@pytest.fixture(scope="session")
def new_index(
    dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Settings]:
    """Settings of another store and index without articles, each time."""

    def made() -> Settings:
        folder = tmp_path_factory.mktemp("made")
        found = Settings(store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index")
        if dialect == "sqlite":
            return found
        if dialect == "shards":
            return found.model_copy(update={"pgvector": request.getfixturevalue("new_shards")()})
        url = request.getfixturevalue(dialect).create("store_1")
        index = {"pgvector": PgvectorSettings(url=url)} if dialect == "pgvector" else {}
        return found.model_copy(update={"store": url, **index})

    return made


@pytest.fixture
def settings(tmp_path: Path, models: Path, dialect: str, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A store and an index of the test's own: empty, or with the toy articles where it asks for ``newsroom``."""
    found = Settings(store=f"sqlite:///{tmp_path / 'recommend.db'}", index=tmp_path / "index", models=models)
    toys = request.getfixturevalue("toys") if "with_toys" in request.fixturenames else None
    if toys is not None:
        shutil.copytree(toys.settings.index.parent, tmp_path, dirs_exist_ok=True)
    if dialect == "sqlite":
        yield found
    elif dialect == "shards":
        yield found.model_copy(update={"pgvector": request.getfixturevalue("on_shards")})
    else:
        template = str(make_url(toys.settings.store).database) if toys is not None else "store_1"
        with request.getfixturevalue(dialect).database(template) as url:
            index = {"pgvector": PgvectorSettings(url=url)} if dialect == "pgvector" else {}
            yield found.model_copy(update={"store": url, **index})


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an SQLite store without articles, to be copied: that costs less than the migrations."""
    folder = tmp_path_factory.mktemp("empty")
    Store(f"sqlite:///{folder / 'recommend.db'}").close()
    return folder


@pytest.fixture
def store(settings: Settings, empty: Path) -> Iterator[Store]:
    """The test's store, which tells of what others write at once."""
    file = Path(settings.store.removeprefix("sqlite:///"))
    if settings.store.startswith("sqlite") and not file.exists():
        shutil.copytree(empty, file.parent, dirs_exist_ok=True)
    with closing(Store(settings.store, staleness=0)) as opened:
        yield opened


@pytest.fixture(scope="session")
def open_newsroom(new_index: Callable[[], Settings], toy_encoder: Encoder) -> OpenNewsroom:
    """Opens a newsroom that holds some articles, stored and indexed with the toy encoder."""

    @contextmanager
    def opened(*articles: Article) -> Iterator[Newsroom]:
        settings = new_index()
        beginnings = settings.encoder.model_copy(update={"max_words": 0})  # which is what the toy encoder reads
        with closing(Store(settings.store)) as store:
            newsroom = Newsroom(store, settings.model_copy(update={"encoder": beginnings}), toy_encoder)
            newsroom.take(*articles)
            newsroom.reindex()
            yield newsroom

    return opened


@pytest.fixture(scope="session")
def toys(open_newsroom: OpenNewsroom, stories: list[Article]) -> Newsroom:
    """The toy articles, stored and indexed, the store closed; each test gets a copy, as that costs less."""
    with open_newsroom(*stories) as newsroom:
        return newsroom


@pytest.fixture
def with_toys() -> None:
    """Has ``settings`` begin with the toy articles."""


@pytest.fixture
def newsroom(with_toys: None, store: Store, settings: Settings, toys: Newsroom) -> Newsroom:
    """The toy articles, stored and indexed with the toy encoder."""
    layout = IndexLayout(settings.index)
    for verified in layout.verified.glob("*"):  # as a job leaves them: a stamp is of no copy
        keep_stamp(layout, verified.name, stamp_of(layout, verified.name))
    return replace(toys, store=store, settings=settings.model_copy(update={"encoder": toys.settings.encoder}))


@pytest.fixture(scope="session")
def indexed(
    tmp_path_factory: pytest.TempPathFactory, models: Path, encoder: Encoder, corpus: list[Article]
) -> Iterator[tuple[Settings, Store]]:
    """The sample corpus with the default encoder, stored and indexed. Read only: it is everybody's."""
    folder = tmp_path_factory.mktemp("indexed")
    settings = Settings(store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", models=models)
    with closing(Store(settings.store)) as store:
        newsroom = Newsroom(store, settings, encoder)
        newsroom.take(*corpus)
        newsroom.reindex()
        yield settings, store


SERIAL = ("service/attack/test_connections.py", "service/attack/test_text.py")
"""These measure their own process, or hold a service to a second: beside others they would measure those."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that run alone."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(SERIAL):
            item.add_marker(pytest.mark.serial)
