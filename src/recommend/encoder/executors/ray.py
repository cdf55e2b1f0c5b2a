"""The engine that spreads encoding over a Ray cluster.

Workers get ids, hashes and prepared texts, and return vectors; only the driver knows the database. A batch is a block,
and a block is one call of an actor: batches of one size are embedded in the composition of the local engine.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder import Encoder, open_encoder
from recommend.encoder.executors.engine import Embedded, Text
from recommend.encoder.preparation import encoder_text
from recommend.errors import EncoderError, EngineError
from recommend.fingerprint import words_read
from recommend.settings import EncoderSettings, RaySettings, Settings

FloatArray = NDArray[np.float32]

_CONNECT_SECONDS = 10.0
_END_SECONDS = 30.0
_ENDLESS_THREAD = "Prefetcher"  # waits for ever to be told what to ask for, and is told nothing


class Embedding:
    """What an actor does: holds the encoder, turns a table of texts into a table of vectors."""

    def __init__(self, settings: EncoderSettings, models: Path, fingerprint: str) -> None:
        self._encoder = open_encoder(settings, models)
        if self._encoder.fingerprint != fingerprint:
            raise EncoderError(
                f"encoder {settings.name!r} has fingerprint {self._encoder.fingerprint} on worker "
                f"{socket.gethostname()}, {fingerprint} on the driver; install the same version and models on both"
            )

    def __call__(self, texts: pa.Table) -> pa.Table:
        """The table with its column ``text`` replaced by ``vector``."""
        vectors = self._encoder.encode(texts["text"].to_pylist())
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        return texts.drop_columns("text").append_column("vector", column)


class RayEngine:
    """Embeds on the actors of a Ray cluster, a round of many batches at a time.

    A node that dies takes its actors along: their batches are given to others. The driver must not die; when it does,
    what it had not yet been given back is unembedded and the next run's work.
    """

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        """Prepares; the cluster is sought when there is something to embed.

        Args:
            encoder: the one that the settings name, whose fingerprint the workers' must have.
            settings: ``encoder``, ``models`` (the same path on every worker) and ``ray``.

        Raises:
            EngineError: when Ray is missing.
        """
        if find_spec("ray") is None:
            raise EngineError("engine 'ray': package ray is missing; pip install 'related-articles[ray]'")
        self._max_tokens, fingerprint = encoder.max_tokens, encoder.fingerprint
        self._max_words = words_read(fingerprint)
        self._settings = settings.ray
        worker = settings.encoder.model_copy(update={"threads": max(int(settings.ray.cpus), 1)})
        self._arguments = worker, settings.models.absolute(), fingerprint
        self.batch = settings.ray.batch

    def embeddings(self, batches: Iterable[Sequence[Article]]) -> Generator[Embedded]:
        """See :class:`recommend.encoder.executors.engine.Engine`.

        Raises:
            EngineError: when the cluster cannot be reached, has no room for an actor, or an actor fails.
        """
        tables = map(self._table, batches)
        first = next(tables, None)
        if first is None:
            return
        with _connected(self._settings) as ray, ThreadPoolExecutor(1) as reader:
            length = self._settings.round * self._actors(ray)
            round_ = [first, *islice(tables, length - 1)]
            while round_:
                ahead = reader.submit(list, islice(tables, length))  # read while the cluster encodes
                yield from self._encode(ray, round_)
                round_, length = ahead.result(), self._settings.round * self._actors(ray)

    def _encode(self, ray: Any, tables: list[pa.Table]) -> Generator[Embedded]:
        size = min(self._actors(ray), len(tables))
        encoded = ray.data.from_arrow(tables).map_batches(
            Embedding,
            fn_constructor_args=self._arguments,
            batch_size=None,
            batch_format="pyarrow",
            zero_copy_batch=True,
            compute=ray.data.ActorPoolStrategy(
                min_size=1,  # a cluster that others use, too, or that lost a node, gives what it can
                initial_size=size,
                max_size=size,
                max_tasks_in_flight_per_actor=2,
            ),
            num_cpus=self._settings.cpus,
            num_gpus=self._settings.gpus,
        )
        batches = encoded.iter_batches(prefetch_batches=0, batch_size=None, batch_format="pyarrow")
        try:
            with _threads_ended(), closing(iter(batches)) as ready:
                for table in ready:
                    vectors = table["vector"].combine_chunks()
                    texts = map(Text, table["id"].to_pylist(), table["text_hash"].to_pylist())
                    yield Embedded(list(texts), vectors.flatten().to_numpy().reshape(len(table), -1), {})
        except ray.exceptions.RayError as problem:
            raise EngineError(f"engine 'ray': {_reason(problem)}") from problem

    def _actors(self, ray: Any) -> int:
        """How many fit into the cluster as it is now, at most as many as the settings allow."""
        settings, has = self._settings, ray.cluster_resources()
        needs = {name: n for name, n in (("CPU", settings.cpus), ("GPU", settings.gpus)) if n}
        room = min(int(has.get(name, 0) / n) for name, n in needs.items())
        if not room:
            shown = ", ".join(f"{n:g} {name} where the cluster has {has.get(name, 0):g}" for name, n in needs.items())
            raise EngineError(f"engine 'ray': no room for an actor, which takes {shown}; see ray.cpus and ray.gpus")
        return min(room, settings.actors or room)

    def _table(self, articles: Sequence[Article]) -> pa.Table:
        return pa.table(
            {
                "id": [article.id for article in articles],
                "text_hash": pa.array([article.text_hash for article in articles], pa.binary(32)),
                "text": [encoder_text(article, self._max_tokens, self._max_words) for article in articles],
            }
        )


@contextmanager
def _connected(settings: RaySettings) -> Iterator[Any]:
    """Ray, connected to the cluster; one that this process is connected to already is used and left alone."""
    import ray
    import ray.data

    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS", settings.address) if settings.address == "auto" else settings.address
    util: Any = ray.util  # untyped
    _knock(address, util.get_node_ip_address())
    dashboard = False if address == "local" else None  # a cluster that runs has one or not
    try:
        ray.init(address=address, include_dashboard=dashboard, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as problem:
        raise EngineError(
            f"engine 'ray': no cluster at ray.address = {address!r} ({_reason(problem)}); "
            "run ray start on this machine, or give HOST:PORT of the head, or local"
        ) from None
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _threads_ended() -> Iterator[None]:
    """Waits for the threads that the block started. Ray Data tells its own to end, but does not wait for them, and one
    that asks the cluster for anything after ``ray.shutdown`` has the whole process ended."""
    before = set(threading.enumerate())
    try:
        yield
    finally:
        until = monotonic() + _END_SECONDS
        for thread in set(threading.enumerate()) - before:
            if thread.name != _ENDLESS_THREAD:
                thread.join(max(0.0, until - monotonic()))


def _knock(address: str, this_machine: str) -> None:
    """Ray itself waits for minutes for a head that is not there, and then ends the process."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    host = this_machine if host in {"localhost", "127.0.0.1"} else host  # as Ray does
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as problem:
        raise EngineError(
            f"engine 'ray': the head of the cluster at ray.address = {address!r} cannot be reached ({problem}); "
            "is ray start --head running there, and is the port open?"
        ) from None


def _reason(problem: BaseException) -> str:
    """The last line of what Ray says, where the worker's own error stands."""
    return str(problem).strip().splitlines()[-1].strip()
