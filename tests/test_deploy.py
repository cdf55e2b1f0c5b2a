"""Manifests are those that Kubernetes knows, and name what is there."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
_VERSION = "1.33"


@pytest.mark.parametrize("file", sorted((DEPLOY / "kubernetes").glob("*.yaml")), ids=lambda path: path.stem)
def test_manifests_pass_the_schemas_of_kubernetes(file: Path) -> None:
    kinds = []
    for document in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(document, _VERSION, strict=True)
        kinds.append(document["kind"])
    assert {"Deployment", "Service", "CronJob", "PodDisruptionBudget"} <= set(kinds)


@pytest.mark.parametrize("file", sorted((DEPLOY / "kubernetes").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_container_has_limits_and_commands_that_are_there(file: Path) -> None:
    from recommend.cli.commands import MODULES

    for document in yaml.safe_load_all(file.read_text()):
        template = document["spec"].get("jobTemplate", document).get("spec", {}).get("template")
        for container in template["spec"]["containers"] if template else ():
            assert "memory" in container["resources"]["limits"]
            command = " ".join(container["args"])
            assert any(f"recommend {name}" in command for name in MODULES)
            if container["name"] == "service":
                assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
                assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_the_compose_file_changes_services_that_are_there() -> None:
    base = yaml.safe_load((DEPLOY.parent / "service" / "compose.yaml").read_text())
    over = yaml.safe_load((DEPLOY / "compose.pgvector.yaml").read_text())
    assert over["services"].keys() <= base["services"].keys()
