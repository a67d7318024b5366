"""The sidecar: as a template for other charts, as a component of Kustomize, and as plain YAML; all three the same."""

import subprocess
import unittest

import yaml

from rendering import CHART, check, containers, is_ours, of_kind, only, parent_chart, pod_spec, render, validate, variables


def sidecar(spec):
    """The proxy's container, which has to be among the init containers."""
    found = [container for container in spec["initContainers"] if is_ours(container)]
    assert len(found) == 1, f"{len(found)} sidecars"
    return found[0]


def built():
    """What kubectl makes of the example."""
    arguments = ["kubectl", "kustomize", str(CHART / "kustomize" / "example")]
    output = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    return list(yaml.safe_load_all(output.stdout))


def of_the_template():
    """What the chart's template makes of its default values but for the configuration."""
    values = {"sfmc-auth-proxy": {"sidecar": {"configMap": ""}, "image": {"repository": "sfmc-auth-proxy"}}}
    objects, _notes = render(values, chart=parent_chart())
    spec = only(objects, "Deployment")["spec"]["template"]["spec"]
    return sidecar(spec), spec["volumes"]


class Sidecar(unittest.TestCase):
    def assert_sound(self, template, spec):
        container = sidecar(spec)
        self.assertEqual(container["restartPolicy"], "Always")
        self.assertEqual(template["metadata"]["labels"]["sfmc-auth-proxy/sidecar"], "true")
        # Before the application's own init containers, which may call as well.
        self.assertIs(container, spec["initContainers"][0])
        for probe, path in (("startupProbe", "/startupz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
            self.assertEqual(container[probe]["httpGet"], {"path": path, "port": "sfmc-admin"})
        # Redis may be away for longer than a mint takes, and to start anew would not bring it back.
        startup = container["startupProbe"]
        self.assertGreaterEqual(startup["periodSeconds"] * startup["failureThreshold"], 3600)
        port = next(port["containerPort"] for port in container["ports"] if port["name"] == "sfmc-admin")
        given = variables(container)
        self.assertTrue(given["SFMC_AUTH_PROXY_ADMIN_LISTEN"].endswith(f":{port}"))
        # The pod's own containers alone may call.
        self.assertTrue(given["SFMC_AUTH_PROXY_LISTEN_HTTP"].startswith("127.0.0.1:"))
        security = container["securityContext"]
        self.assertIs(security["runAsNonRoot"], True)
        self.assertEqual((security["runAsUser"], security["runAsGroup"]), (65532, 65532))
        self.assertIs(security["readOnlyRootFilesystem"], True)
        self.assertIs(security["allowPrivilegeEscalation"], False)
        self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
        self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
        volumes = {volume["name"] for volume in spec["volumes"]}
        for mount in container["volumeMounts"]:
            self.assertIn(mount["name"], volumes)
            self.assertNotIn("subPath", mount)

    def test_in_another_chart(self):
        objects, _notes = render(chart=parent_chart())
        for found in objects:
            validate(found)
        # The gateway is left out, and so is everything that is its own.
        self.assertEqual(sorted(found["kind"] for found in objects), ["ConfigMap", "CronJob", "Deployment"])
        for found in of_kind(objects, "Deployment") + of_kind(objects, "CronJob"):
            template, spec = pod_spec(found)
            self.assert_sound(template, spec)
            container = sidecar(spec)
            self.assertIn("--config=/etc/sfmc-auth-proxy/config.toml", container["args"])
            said = check(only(objects, "ConfigMap")["data"]["config.toml"], container)
            self.assertEqual(said.returncode, 0, said.stderr)

    def test_by_kustomize(self):
        objects = built()
        for found in objects:
            validate(found)
        with_label = [found for found in objects if found["metadata"].get("labels")]
        self.assertEqual(len(with_label), 2)
        for found in with_label:
            template, spec = pod_spec(found)
            self.assert_sound(template, spec)
            self.assertEqual(sidecar(spec)["image"], "registry.example.com/sfmc-auth-proxy:0.1.0")
        # What was there before is there still, and who did not ask for it has nothing new.
        newsletter = next(found for found in objects if found["metadata"]["name"] == "newsletter")
        _template, spec = pod_spec(newsletter)
        self.assertEqual([container["name"] for container in containers(spec)], ["sfmc-auth-proxy", "migrate", "newsletter"])
        self.assertEqual(sorted(volume["name"] for volume in spec["volumes"]), ["sfmc-secret-0", "work"])
        without = next(found for found in objects if found["metadata"]["name"] == "without")
        self.assertNotIn("initContainers", without["spec"]["template"]["spec"])

    def test_as_plain_yaml(self):
        found = yaml.safe_load((CHART / "examples" / "cronjob.yaml").read_text())
        validate(found)
        template, spec = pod_spec(found)
        self.assert_sound(template, spec)
        # A proxy that cannot start must not keep a Job for ever.
        self.assertIn("activeDeadlineSeconds", found["spec"]["jobTemplate"]["spec"])

    def test_all_are_the_same(self):
        container, volumes = of_the_template()
        for path in ("kustomize/sidecar/workload.yaml", "kustomize/sidecar/cronjob.yaml", "examples/cronjob.yaml"):
            with self.subTest(path):
                _template, spec = pod_spec(yaml.safe_load((CHART / path).read_text()))
                self.assertEqual(spec["initContainers"], [container])
                self.assertEqual(spec["volumes"], volumes)

    def test_a_job_can_wait_for_a_token(self):
        objects, _notes = render({"sfmc-auth-proxy": {"sidecar": {"startupPath": "/readyz"}}}, chart=parent_chart())
        container = sidecar(pod_spec(only(objects, "CronJob"))[1])
        self.assertEqual(container["startupProbe"]["httpGet"], {"path": "/readyz", "port": "sfmc-admin"})

    def test_one_tenant_needs_no_configuration(self):
        container, _volumes = of_the_template()
        # An empty file has no tenant, so that the variables have to make one.
        said = check("", container)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("1 tenant,", said.stdout)


if __name__ == "__main__":
    unittest.main()
