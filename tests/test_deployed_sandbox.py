"""The payment provider that Compose runs is held against the one of the local cluster."""

from pathlib import Path

import yaml

from server.local.engines.sandbox import SANDBOX, Sandbox

ROOT = Path(__file__).parents[1]


def test_compose_runs_the_sandbox_as_the_local_cluster_does(tmp_path: Path) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    local = Sandbox(
        port=1, store=tmp_path, secret_file=tmp_path, notices_url="", log_file=tmp_path / "log"
    )
    container, order = (compose["services"][name] for name in (SANDBOX, "order"))
    said = dict(each.split("=", 1) for each in container["command"])
    options = [each.split("=")[0] for each in local.child.command if each.startswith("--")]
    assert [*said] == options
    assert container["entrypoint"][-1] == "server.sandbox"
    assert "server.sandbox" in local.child.command
    url = f"http://{SANDBOX}:{said['--port']}"
    assert order["environment"]["SANDBOX_URL"] == f"${{SANDBOX_URL-{url}}}"
    edge_port = compose["services"]["envoy"]["ports"][0].rpartition(":")[2]
    assert said["--notices-url"] == f"http://envoy:{edge_port}/api/v1/payment-notices/{SANDBOX}"
    folders = dict(volume.split(":")[:2] for volume in container["volumes"])
    assert {str(Path(said[each]).parent) for each in ("--store", "--secret-file")} == set(
        folders.values()
    )
    image = (ROOT / "deploy" / "Dockerfile").read_text()
    assert all(f" {folder}" in image for folder in folders.values())
