"""The chart, rendered by Helm's own engine, and what every test of it asks. Knows no expectation."""

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml
from helm_python.chart import Chart, dependency_list, package

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "sfmc-auth-proxy"
NAMESPACE = "marketing"
# The oldest version that the chart says it is for, and the newest that the schemas know.
KUBERNETES = ["1.29", "1.37"]

_work = Path(tempfile.mkdtemp(prefix="sfmc-install-"))
atexit.register(shutil.rmtree, _work, ignore_errors=True)


def value_sets():
    """Name and values of each file in ci/."""
    return {path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text()) or {}
            for path in sorted((CHART / "ci").glob("*-values.yaml"))}


def render(values=None, chart=CHART, release="acme"):
    """All objects, and the notes."""
    rendered = Chart.load(chart).render(values or {}, name=release, namespace=NAMESPACE)
    notes = "".join(text for path, text in rendered.items() if path.endswith("NOTES.txt"))
    objects = []
    for path, text in rendered.items():
        if not path.endswith(("NOTES.txt", ".tpl")):
            objects += [found for found in yaml.safe_load_all(text) if found]
    return objects, notes


def parent_chart():
    """The example of a chart that depends on this one, with the dependency packed and put where `helm dependency build` puts it."""
    parent = _work / "parent-chart"
    if not parent.exists():
        shutil.copytree(CHART / "examples" / "parent-chart", parent)
        (parent / "charts").mkdir()
        package(CHART, destination=parent / "charts")
        (dependency,) = dependency_list(parent)
        assert dependency["status"] == "ok", dependency
    return parent


def of_kind(objects, kind):
    return [found for found in objects if found["kind"] == kind]


def only(objects, kind):
    found = of_kind(objects, kind)
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def pod_spec(found):
    """The pod's template and its spec, or nothing."""
    if found["kind"] == "Pod":
        return found, found["spec"]
    spec = found.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    template = spec.get("template")
    return (template, template["spec"]) if template else (None, None)


def containers(spec):
    return spec.get("initContainers", []) + spec.get("containers", [])


def is_ours(container):
    return re.search(r"(^|/)sfmc-auth-proxy[:@]", container["image"]) is not None


def variables(container):
    """Names of a container's variables, with the text where it stands there."""
    return {each["name"]: each.get("value") for each in container.get("env", [])}


_valid = set()


def validate(found):
    """Raises what Kubernetes would object to. What was found good once is not looked at again."""
    text = json.dumps(found, sort_keys=True)
    if text not in _valid:
        for version in KUBERNETES:
            kubernetes_validate.validate(found, version, strict=True)
        _valid.add(text)


def check(configuration, container):
    """What the program itself says of a configuration under a container's variables."""
    path = _work / "config.toml"
    path.write_text(configuration)
    given = {name: value if value is not None else "from-a-secret" for name, value in variables(container).items()}
    # Kept out: whatever this process has been given.
    own = {"PATH": os.environ["PATH"], "HOME": str(_work)}
    arguments = [os.environ["PROGRAM"], "check", "--syntax-only", "--config", str(path)]
    return subprocess.run(arguments, env=own | given, cwd=_work, capture_output=True, text=True, timeout=30)
