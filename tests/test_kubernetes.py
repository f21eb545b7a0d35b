"""The manifests of deploy/kubernetes: as the API wants them, fitting the image and the server."""

import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml

from server.processes import LONGEST_STOP
from settings import Settings
from tests.image import last_stage
from tests.serving import PROJECT

KUBERNETES = PROJECT / "deploy/kubernetes"
MANIFESTS: dict[str, Any] = {
    path.name: yaml.safe_load(path.read_text("utf-8")) for path in sorted(KUBERNETES.glob("*.yaml"))
}
KUSTOMIZATION = MANIFESTS.pop("kustomization.yaml")
DEPLOYMENT = MANIFESTS["deployment.yaml"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]
# The oldest that the guide names, and the newest whose schemas are there.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_the_api_takes_a_manifest(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_a_manifest_with_a_misspelt_field_would_be_refused() -> None:
    wrong = {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_puts_it_together() -> None:
    command = ["kubectl", "kustomize", str(KUBERNETES)]
    built = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    kinds = {manifest["kind"] for manifest in yaml.safe_load_all(built)}
    assert kinds == {MANIFESTS[name]["kind"] for name in KUSTOMIZATION["resources"]}


def test_every_manifest_is_used_but_an_example_and_an_option() -> None:
    left_out = {"secret.example.yaml", "autoscaler.yaml"}
    assert {*KUSTOMIZATION["resources"]} == MANIFESTS.keys() - left_out


def test_a_pod_that_goes_has_time_to_serve_on_and_to_drain() -> None:
    serves_on = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = serves_on + LONGEST_STOP.total_seconds()
    assert POD["terminationGracePeriodSeconds"] > needed
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_probes_restart_for_the_process_and_wait_for_the_database() -> None:
    paths = {
        kind: CONTAINER[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "liveness", "readiness")
    }
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_pods_are_as_restricted_as_their_namespace_wants_them() -> None:
    standard = MANIFESTS["namespace.yaml"]["metadata"]["labels"]
    assert standard["pod-security.kubernetes.io/enforce"] == "restricted"
    security = {**POD["securityContext"], **CONTAINER["securityContext"]}
    assert security["runAsNonRoot"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in last_stage()


def test_names_meet() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"].items()
    for name in ("disruption-budget.yaml", "deployment.yaml"):
        assert MANIFESTS[name]["spec"]["selector"]["matchLabels"].items() <= labels
    service = MANIFESTS["service.yaml"]
    assert service["spec"]["selector"].items() <= labels
    [port] = CONTAINER["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert f"EXPOSE {port['containerPort']}" in last_stage()
    [rule] = MANIFESTS["ingress.yaml"]["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] == service["spec"]["ports"][0]["name"]
    target = MANIFESTS["autoscaler.yaml"]["spec"]["scaleTargetRef"]
    assert target["name"] == DEPLOYMENT["metadata"]["name"]


def test_the_secret_is_where_the_server_looks_for_it() -> None:
    secret = MANIFESTS["secret.example.yaml"]
    [volume] = [volume for volume in POD["volumes"] if "secret" in volume]
    [mount] = [mount for mount in CONTAINER["volumeMounts"] if mount["name"] == volume["name"]]
    environment = {entry["name"]: entry["value"] for entry in CONTAINER["env"]}
    assert environment["SECRETS_DIR"] == mount["mountPath"]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    assert {"auth_secret", "database_url"} <= secret["stringData"].keys()
    assert {name.lower() for name in environment} <= Settings.model_fields.keys()
