"""The chart: every value set of ci/ renders, is what Kubernetes takes, and is safe; bad values are refused in words."""

import base64
import json
import os
import re
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml
from helm_python import errors
from helm_python.chart import lint

from rendering import (CHART, KUBERNETES, ROOT, check, containers, is_ours, of_kind, only, parent_chart, pod_spec, render,
                       validate, value_sets, variables)


class EverySet(unittest.TestCase):
    """What holds whatever the values say."""

    @classmethod
    def setUpClass(cls):
        cls.sets = {name: (values, *render(values)) for name, values in value_sets().items()}

    def each(self):
        for self.name, rendered in self.sets.items():
            yield rendered

    def _formatMessage(self, msg, standardMsg):
        standard = super()._formatMessage(msg, standardMsg)
        return f"with ci/{self.name}-values.yaml: {standard}" if hasattr(self, "name") else standard

    def each_container(self):
        for values, objects, _notes in self.each():
            for found in objects:
                template, spec = pod_spec(found)
                for container in containers(spec) if spec else []:
                    yield values, found, template, spec, container

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(self.sets), 12)

    def test_helm_finds_nothing_to_complain_of(self):
        for name, values in value_sets().items():
            for version in KUBERNETES:
                with self.subTest(name, version=version):
                    report = lint(CHART, values, strict=True, kube_version=f"v{version}.0")
                    self.assertEqual(report["errors"], [])
                    worse = [each for each in report["messages"] if each["severity"] > 1]
                    self.assertEqual(worse, [])

    def test_kubernetes_takes_it(self):
        for _values, objects, _notes in self.each():
            for found in objects:
                # The operator's kinds have no schema here: watching_test.py.
                if found["apiVersion"].startswith("monitoring.coreos.com/"):
                    continue
                validate(found)

    def test_names_are_unique_and_labels_text(self):
        for _values, objects, _notes in self.each():
            names = [(found["kind"], found["metadata"]["name"]) for found in objects]
            self.assertEqual(len(names), len(set(names)), names)
            for found in objects:
                for what in ("labels", "annotations"):
                    for key, value in found["metadata"].get(what, {}).items():
                        self.assertIsInstance(value, str, f"{key} of {found['metadata']['name']}")

    def test_the_program_accepts_every_configuration(self):
        checked = 0
        for values, objects, _notes in self.each():
            for deployment in of_kind(objects, "Deployment"):
                container = deployment["spec"]["template"]["spec"]["containers"][0]
                for found in of_kind(objects, "ConfigMap"):
                    text = found["data"].get("config.toml")
                    if text is not None:
                        said = check(text, container)
                        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
                        self.assert_all_is_there(text, container)
                        checked += 1
        self.assertGreaterEqual(checked, 10)

    def assert_all_is_there(self, text, container):
        """Each variable is given, and each file is below something that is mounted."""
        for variable in re.findall(r"(?<!\$)\$\{(\w+)\}", text):
            self.assertIn(variable, variables(container))
        given = re.findall(r'"(/run/[^"]+)"', text) + [value for value in variables(container).values()
                                                       if value and value.startswith("/")]
        mounts = [mount["mountPath"] + "/" for mount in container["volumeMounts"]]
        for path in given:
            self.assertTrue(any((path + "/").startswith(mount) for mount in mounts), f"{path} is not mounted")

    def test_each_container_is_restricted(self):
        for _values, _found, _template, spec, container in self.each_container():
            security = spec.get("securityContext", {}) | container.get("securityContext", {})
            self.assertIs(security["runAsNonRoot"], True)
            self.assertEqual(security["runAsUser"], 65532)
            self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertIs(security["allowPrivilegeEscalation"], False)
            self.assertIs(security["readOnlyRootFilesystem"], True)
            self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
            self.assertIs(spec["automountServiceAccountToken"], False)

    def test_each_image_is_a_certain_one(self):
        for _values, _found, _template, _spec, container in self.each_container():
            self.assertRegex(container["image"], r"(:[\w][\w.-]*|@sha256:[0-9a-f]{64})$")
            self.assertNotIn(":latest", container["image"])

    def test_our_containers_have_limits(self):
        for _values, _found, _template, _spec, container in self.each_container():
            if is_ours(container):
                self.assertIn("memory", container["resources"]["requests"])
                self.assertIn("memory", container["resources"]["limits"])
                self.assertNotIn("cpu", container["resources"]["limits"])

    def test_the_gateway_is_probed_at_ports_that_it_has(self):
        for _values, objects, _notes in self.each():
            for deployment in of_kind(objects, "Deployment"):
                container = deployment["spec"]["template"]["spec"]["containers"][0]
                ports = {port["name"]: port["containerPort"] for port in container["ports"]}
                for probe, path in (("startupProbe", "/livez"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
                    self.assertEqual(container[probe]["httpGet"], {"path": path, "port": "admin"})
                given = variables(container)
                self.assertTrue(given["SFMC_AUTH_PROXY_ADMIN_LISTEN"].endswith(f":{ports['admin']}"))
                for address in given["SFMC_AUTH_PROXY_LISTEN_HTTP"].split(","):
                    self.assertTrue(address.endswith(f":{ports['http']}"))

    def test_services_lead_to_the_pods(self):
        for _values, objects, _notes in self.each():
            for service in of_kind(objects, "Service"):
                template = only(objects, "Deployment")["spec"]["template"]
                self.assertLessEqual(service["spec"]["selector"].items(), template["metadata"]["labels"].items())
                ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
                for port in service["spec"]["ports"]:
                    self.assertIn(port["targetPort"], ports)

    def test_callers_may_use_the_names_of_the_services(self):
        for _values, objects, _notes in self.each():
            for service in of_kind(objects, "Service"):
                container = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
                allowed = variables(container)["SFMC_AUTH_PROXY_LISTEN_ALLOWED_HOSTS"].split(",")
                name = service["metadata"]["name"]
                for host in (name, f"{name}.marketing", f"{name}.marketing.svc"):
                    self.assertIn(host, allowed)

    def test_health_and_metrics_stay_inside(self):
        for values, objects, _notes in self.each():
            for service in of_kind(objects, "Service"):
                if service["spec"]["type"] != "ClusterIP":
                    targets = [port["targetPort"] for port in service["spec"]["ports"]]
                    self.assertNotIn("admin", targets)

    def test_a_pod_that_waits_for_a_login_is_reached_by_whoever_logs_in(self):
        for _values, objects, _notes in self.each():
            for service in of_kind(objects, "Service"):
                is_admin = service["metadata"]["labels"]["app.kubernetes.io/component"] == "admin"
                # Calls go to ready pods alone.
                self.assertEqual(service["spec"].get("publishNotReadyAddresses", False), is_admin)

    def test_health_and_metrics_are_asked_in_the_family_that_they_listen_in(self):
        for _values, objects, _notes in self.each():
            for service in of_kind(objects, "Service"):
                if service["metadata"]["labels"]["app.kubernetes.io/component"] == "admin":
                    self.assertEqual(service["spec"]["ipFamilyPolicy"], "SingleStack")
                    given = variables(only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0])
                    first = given["SFMC_AUTH_PROXY_LISTEN_HTTP"].split(",")[0].rpartition(":")[0]
                    self.assertEqual(given["SFMC_AUTH_PROXY_ADMIN_LISTEN"].rpartition(":")[0], first)

    def test_pods_are_spread_by_their_own_labels_unless_others_are_named(self):
        for values, objects, _notes in self.each():
            for deployment in of_kind(objects, "Deployment"):
                spec = deployment["spec"]["template"]["spec"]
                own = deployment["spec"]["selector"]
                default = [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}]
                wanted = [{"labelSelector": own} | given for given in values.get("topologySpreadConstraints", default)]
                self.assertEqual(spec.get("topologySpreadConstraints", []), wanted)

    def test_calls_have_time_to_end(self):
        for _values, objects, _notes in self.each():
            for deployment in of_kind(objects, "Deployment"):
                spec = deployment["spec"]["template"]["spec"]
                given = variables(spec["containers"][0])
                drain = sum(int(given[f"SFMC_AUTH_PROXY_SHUTDOWN_DRAIN_{part}"].removesuffix("s"))
                            for part in ("DELAY", "TIMEOUT"))
                self.assertGreaterEqual(spec["terminationGracePeriodSeconds"], drain)

    def test_one_process_holds_a_directory(self):
        for values, objects, _notes in self.each():
            if values.get("state", {}).get("kind") == "directory":
                deployment = only(objects, "Deployment")
                self.assertEqual(deployment["spec"]["strategy"], {"type": "Recreate"})
                self.assertEqual(deployment["spec"]["replicas"], 1)
                self.assertEqual(of_kind(objects, "PodDisruptionBudget"), [])

    def test_no_volume_is_mounted_so_that_it_would_not_be_updated(self):
        for _values, _found, _template, _spec, container in self.each_container():
            for mount in container.get("volumeMounts", []):
                self.assertNotIn("subPath", mount)

    def test_each_mount_has_its_volume(self):
        for _values, _found, _template, spec, container in self.each_container():
            volumes = {volume["name"] for volume in spec.get("volumes", [])}
            for mount in container.get("volumeMounts", []):
                self.assertIn(mount["name"], volumes)

    def test_helm_test_asks_for_readiness(self):
        for _values, objects, _notes in self.each():
            for pod in of_kind(objects, "Pod"):
                self.assertEqual(pod["metadata"]["annotations"]["helm.sh/hook"], "test")
                # The Service leads to pods that are not ready as well: one such answer is not the last word.
                self.assertEqual(pod["spec"]["restartPolicy"], "OnFailure")
                self.assertLessEqual(pod["spec"]["activeDeadlineSeconds"], 120)
                arguments = pod["spec"]["containers"][0]["args"]
                service = next(each for each in of_kind(objects, "Service")
                               if each["metadata"]["labels"]["app.kubernetes.io/component"] == "admin")
                port = service["spec"]["ports"][0]["port"]
                url = f"http://{service['metadata']['name']}.marketing.svc:{port}/readyz"
                self.assertEqual(arguments, ["healthcheck", f"--url={url}"])

    def test_the_notes_name_what_is_there(self):
        for _values, objects, notes in self.each():
            for name in re.findall(r"deployment/([\w-]+)", notes):
                self.assertEqual(name, only(objects, "Deployment")["metadata"]["name"])
            self.assertTrue(notes.strip())


class Numbers(unittest.TestCase):
    """Member ids are large numbers, of which Helm makes floats where it can."""

    def test_they_come_through_as_they_are(self):
        objects, _notes = render(value_sets()["accounts"])
        text = only(objects, "ConfigMap")["data"]["config.toml"]
        accounts = tomllib.loads(text)["tenants"]["acme"]["accounts"]
        self.assertEqual(accounts, {"emea": 510001235, "apac": 510001236, "largest": 9007199254740993})
        self.assertEqual(text, value_sets()["accounts"]["config"])

    def test_and_into_a_sidecars_configuration(self):
        objects, _notes = render(chart=parent_chart())
        text = only(objects, "ConfigMap")["data"]["config.toml"]
        self.assertEqual(tomllib.loads(text)["tenants"]["acme"]["accounts"]["emea"], 510001235)

    def test_braces_and_dollars_are_nobodys_template(self):
        configuration = '[tenants.acme]\nclient_id = "{{ .Values.image }} $${x} ${SFMC_CLIENT_ID}"\n'
        objects, _notes = render({"config": configuration})
        self.assertEqual(only(objects, "ConfigMap")["data"]["config.toml"], configuration)

    def test_a_changed_configuration_starts_no_pod_anew_unless_that_is_wanted(self):
        def template(values):
            return only(render(values)[0], "Deployment")["spec"]["template"]

        other = {"config": "# another\n"}
        self.assertEqual(template({}), template(other))
        self.assertNotEqual(template({"rollOnConfigChange": True}), template(other | {"rollOnConfigChange": True}))
        # A ConfigMap of somebody else's says nothing of itself.
        theirs = {"existingConfigMap": "our-proxy"}
        self.assertEqual(template(theirs), template(theirs | {"rollOnConfigChange": True}))


class Refusals(unittest.TestCase):
    """What cannot work is refused before it is installed, with words that say what to do."""

    def assert_refused(self, values, *words):
        with self.subTest(json.dumps(values)):
            with self.assertRaises(errors.HelmError) as raised:
                render(values)
            for word in words:
                self.assertIn(word, str(raised.exception))

    def test_by_the_schema(self):
        for values, *words in [
            ({"replicas": 3}, "replicas"),
            ({"replicaCount": "3"}, "/replicaCount", "got string, want integer"),
            ({"config": {"tenants": {"acme": {"account_id": 510001235}}}}, "/config", "got object, want string"),
            ({"image": {"tag": "latest"}}, "/image/tag"),
            ({"image": {"digest": "sha256:1234"}}, "/image/digest"),
            ({"ports": {"http": 70000}}, "/ports/http", "65,535"),
            ({"bindAddresses": ["0.0.0.0:7362"]}, "/bindAddresses/0"),
            ({"bindAddresses": []}, "/bindAddresses"),
            ({"state": {"kind": "disk"}}, "/state/kind", "'none', 'directory', 'redis'"),
            ({"secrets": [{"name": "sfmc-tenant"}]}, "/secrets/0", "mountPath"),
            ({"secretEnv": [{"name": "SFMC_SUBDOMAIN", "value": "mc"}]}, "/secretEnv/0"),
            ({"shutdown": {"drainTimeoutSeconds": "30s"}}, "/shutdown/drainTimeoutSeconds"),
            ({"podLabels": {"version": 1}}, "/podLabels/version", "want string"),
            ({"admin": {"tokenSecret": {"name": "sfmc-admin"}}}, "/admin/tokenSecret", "key"),
            ({"extraPorts": [{"name": "http", "port": 7401}]}, "/extraPorts/0/name"),
            ({"service": {"type": "ExternalName"}}, "/service/type"),
            ({"probes": {"readiness": {"httpGet": {"path": "/"}}}}, "/probes/readiness"),
            ({"sidecar": {"readiness": True}}, "/sidecar"),
            ({"sidecar": {"startupPath": "/"}}, "/sidecar/startupPath"),
            ({"networkPolicy": {"egress": {"dnsPorts": []}}}, "/networkPolicy/egress/dnsPorts"),
            ({"prometheusRule": {"disabled": "SfmcAuthProxyAbsent"}}, "/prometheusRule/disabled"),
        ]:
            self.assert_refused(values, *words)

    def test_by_the_templates(self):
        for values, *words in [
            ({"state": {"kind": "directory"}}, "replicaCount is 2", "Set replicaCount to 1"),
            ({"state": {"kind": "directory"}, "replicaCount": 1, "autoscaling": {"enabled": True}}, "autoscaling"),
            ({"shutdown": {"terminationGracePeriodSeconds": 20}}, "is 20, but draining may take 35 s"),
            ({"state": {"kind": "redis"}, "networkPolicy": {"enabled": True}}, "no pod would reach Redis", "extraEgress"),
            ({"ports": {"http": 7363}}, "name one port twice"),
            ({"extraPorts": [{"name": "emea", "port": 7362}]}, "name one port twice"),
            ({"prometheusRule": {"enabled": True, "disabled": ["SfmcAuthProxyAbsent", "Nothing"]}}, "no alert", ": Nothing."),
        ]:
            self.assert_refused(values, *words)


class Documentation(unittest.TestCase):
    """docs/kubernetes.md: its values render, and the objects that its commands name are there."""

    TEXT = (ROOT / "docs" / "kubernetes.md").read_text()

    def test_its_values_are_good_and_its_commands_fit(self):
        named = set(re.findall(r"(deployment|persistentvolumeclaim)/?[ ]?(sfmc[\w-]+)", self.TEXT))
        self.assertEqual(len(named), 2, named)
        made = set(re.findall(r"create secret generic ([\w-]+)", self.TEXT))
        blocks = re.findall(r"```yaml\n(# values.yaml\n.*?)```", self.TEXT, re.S)
        self.assertEqual(len(blocks), 3)
        there, wanted = set(), set()
        for block in blocks:
            objects, _notes = render(yaml.safe_load(block), release="sfmc-auth-proxy")
            there |= {(found["kind"].lower(), found["metadata"]["name"]) for found in objects}
            spec = only(objects, "Deployment")["spec"]["template"]["spec"]
            said = check(only(objects, "ConfigMap")["data"]["config.toml"], spec["containers"][0])
            self.assertEqual(said.returncode, 0, said.stderr)
            wanted |= {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
        self.assertLessEqual(named, there)
        self.assertEqual(wanted, made)

    def test_its_secrets_are_made_with_the_keys_that_its_values_want(self):
        made = {}
        for secret in self.secrets(self.TEXT):
            keys = {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}
            # The one that is made anew for a rotation takes the place of the whole.
            self.assertEqual(made.setdefault(secret["metadata"]["name"], keys).keys(), keys.keys())
        for name in ("sfmc-clients", "sfmc-admin"):
            for text in made[name].values():
                # Letters and digits: a client's secret may stand in a URL.
                self.assertRegex(text, r"\A[0-9a-f]{64}\Z")
        self.assertEqual(len(base64.b64decode(made["sfmc-state"]["key"], validate=True)), 32)
        used = 0
        for block in re.findall(r"```yaml\n(# values.yaml\n.*?)```", self.TEXT, re.S):
            values = yaml.safe_load(block)
            objects, _notes = render(values, release="sfmc-auth-proxy")
            spec = only(objects, "Deployment")["spec"]["template"]["spec"]
            wanted = [(each["valueFrom"]["secretKeyRef"]["name"], each["valueFrom"]["secretKeyRef"]["key"])
                      for each in spec["containers"][0]["env"] if "valueFrom" in each]
            for volume in spec["volumes"]:
                for item in volume.get("secret", {}).get("items", []):
                    wanted.append((volume["secret"]["secretName"], item["key"]))
            text = only(objects, "ConfigMap")["data"]["config.toml"]
            # The last block has no configuration of its own, and so the chart's, whose client is another.
            wanted += [("sfmc-clients", key) for key in re.findall(r'"/run/secrets/sfmc-clients/(\w+)"', text)
                       if "config" in values]
            for name, key in wanted:
                self.assertIn(key, made[name], name)
                used += 1
        self.assertGreaterEqual(used, 10)

    def test_so_are_those_of_the_charts_readme(self):
        made = {secret["metadata"]["name"]: set(secret["data"]) for secret in self.secrets((CHART / "README.md").read_text())}
        self.assertEqual(made, {"sfmc-tenant": {"subdomain", "client_id", "client_secret"}, "sfmc-clients": {"example"}})

    def secrets(self, text):
        """What kubectl makes of each line that makes a Secret, as it is typed, without a cluster."""
        lines = re.findall(r"^kubectl [^\n]*create secret (?:[^\n]*\\\n)*[^\n]*$", text, re.M)
        self.assertEqual(len(lines), text.count("create secret"))
        with tempfile.TemporaryDirectory() as folder:
            for name in ("client-secret", "new-secret"):
                Path(folder, name).write_text("secret")
            for line in lines:
                typed = line.split(" | kubectl apply")[0]
                typed += "" if "--dry-run" in typed else " --dry-run=client --output yaml"
                said = subprocess.run(["bash", "-c", typed], cwd=folder, env={"PATH": os.environ["PATH"], "HOME": folder},
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(said.returncode, 0, typed + said.stderr)
                yield yaml.safe_load(said.stdout)


class Values(unittest.TestCase):
    """The values are documented line by line, and the schema knows just those."""

    def test_the_schema_has_each_key_and_no_other(self):
        schema = json.loads((CHART / "values.schema.json").read_text())

        def compare(values, rule, path):
            rule = schema["definitions"][rule["$ref"].rsplit("/", 1)[1]] if "$ref" in rule else rule
            known = rule.get("properties")
            if known is None or not isinstance(values, dict):
                return
            self.assertIs(rule["additionalProperties"], False, path)
            for key, value in values.items():
                self.assertIn(key, known, path)
                compare(value, known[key], f"{path}.{key}")

        values = yaml.safe_load((CHART / "values.yaml").read_text())
        compare(values, schema, "values")
        self.assertEqual(set(schema["properties"]) - {"global"}, set(values))

    def test_the_readme_names_each_key(self):
        text = (CHART / "README.md").read_text()
        for key in yaml.safe_load((CHART / "values.yaml").read_text()):
            self.assertIn(f"`{key}`", text)

    def test_versions_are_the_crates(self):
        version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual(chart["appVersion"], version)
        parent = yaml.safe_load((CHART / "examples/parent-chart/Chart.yaml").read_text())
        self.assertEqual(parent["dependencies"][0]["version"], chart["version"])


if __name__ == "__main__":
    unittest.main()
