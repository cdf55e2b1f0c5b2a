"""A process that only answers queries starts light."""

import subprocess
import sys

from recommend.settings import Settings
from recommend.store import Store

ANSWER = """
import sys
from recommend import Recommender
from recommend.configuration import load_settings
settings = load_settings(overrides={"models": sys.argv[3]})
items = Recommender.open(sys.argv[1], sys.argv[2], settings).related("a-central-asia-condemns-drone-attack", k=5)
assert len(items) == 5, items
heavy = {"torch", "transformers", "sentence_transformers", "sklearn", "alembic", "onnx", "fastapi"}
print(sorted({name.partition(".")[0] for name in sys.modules} & heavy))
"""


def test_answering_by_id_imports_no_torch_no_scikit_learn_and_no_alembic(indexed: tuple[Settings, Store]) -> None:
    settings, _ = indexed
    arguments = [str(settings.index), settings.store, str(settings.models)]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", ANSWER, *arguments], capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("[]\n", "", 0)


def test_the_command_line_leaves_statistics_to_those_who_judge() -> None:
    program = "import sys, recommend.cli.main; print({'scipy.stats', 'scipy.optimize', 'sklearn'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("set()\n", "")
