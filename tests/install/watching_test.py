"""What the Prometheus operator and Grafana read. Their kinds have no schema here, so what they need is asked one by one."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from rendering import CHART, of_kind, only, render, value_sets


class Watching(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.objects, _notes = render(value_sets()["monitoring"])

    def test_nothing_of_it_is_there_unasked(self):
        objects, _notes = render()
        for found in objects:
            self.assertFalse(found["apiVersion"].startswith("monitoring.coreos.com/"))
            self.assertNotIn("grafana_dashboard", found["metadata"]["labels"])

    def test_the_service_monitor_finds_the_service(self):
        monitor = only(self.objects, "ServiceMonitor")
        self.assertEqual(monitor["apiVersion"], "monitoring.coreos.com/v1")
        self.assertEqual(monitor["metadata"]["labels"]["release"], "prometheus")
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        services = [each for each in of_kind(self.objects, "Service") if wanted <= each["metadata"]["labels"].items()]
        self.assertEqual(len(services), 1, "one Service, or each pod is scraped twice")
        (endpoint,) = monitor["spec"]["endpoints"]
        self.assertIn(endpoint["port"], [port["name"] for port in services[0]["spec"]["ports"]])
        self.assertEqual(endpoint["path"], "/metrics")
        self.assertEqual(endpoint["relabelings"][0]["targetLabel"], "node")

    def test_the_pod_monitor_finds_sidecars_and_not_the_gateway(self):
        monitor = only(self.objects, "PodMonitor")
        self.assertEqual(monitor["apiVersion"], "monitoring.coreos.com/v1")
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        self.assertEqual((endpoint["port"], endpoint["path"]), ("sfmc-admin", "/metrics"))
        self.assertEqual(monitor["spec"]["namespaceSelector"], {"matchNames": ["marketing", "reporting"]})
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        patch = yaml.safe_load((CHART / "kustomize/sidecar/workload.yaml").read_text())["spec"]["template"]
        self.assertLessEqual(wanted, patch["metadata"]["labels"].items())
        gateway = only(self.objects, "Deployment")["spec"]["template"]
        self.assertFalse(wanted <= gateway["metadata"]["labels"].items())
        anywhere, _notes = render(value_sets()["sidecar-only"])
        self.assertEqual(only(anywhere, "PodMonitor")["spec"]["namespaceSelector"], {"any": True})

    def test_the_rules_are_those_of_the_file(self):
        rule = only(self.objects, "PrometheusRule")
        self.assertEqual(rule["apiVersion"], "monitoring.coreos.com/v1")
        self.assertEqual(rule["spec"], yaml.safe_load((CHART / "rules" / "alerts.yaml").read_text()))
        self.assertTrue(rule["spec"]["groups"])
        if shutil.which("promtool"):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump(rule["spec"], file)
                file.flush()
                subprocess.run(["promtool", "check", "rules", file.name], check=True, capture_output=True)

    def test_alerts_can_be_left_out(self):
        groups = yaml.safe_load((CHART / "rules" / "alerts.yaml").read_text())["groups"]
        every = [rule for group in groups for rule in group["rules"]]

        def rules(values):
            rendered = only(render({"prometheusRule": {"enabled": True}} | values)[0], "PrometheusRule")["spec"]["groups"]
            self.assertTrue(all(group["rules"] for group in rendered))
            return [rule for group in rendered for rule in group["rules"]]

        def without(*names):
            left = [rule for rule in every if rule["alert"] not in names]
            self.assertEqual(len(left), len(every) - len(names))
            return left

        def disabled(*names, **more):
            return more | {"prometheusRule": {"enabled": True, "disabled": list(names)}}

        self.assertEqual(rules({}), every)
        throttled = ("SfmcAuthProxyThrottled", "SfmcAuthProxyDown")
        self.assertEqual(rules(disabled(*throttled)), without(*throttled))
        # A group that has lost all of its rules goes with them.
        first = [rule["alert"] for rule in groups[0]["rules"]]
        self.assertEqual(rules(disabled(*first)), without(*first))
        # Sidecars of Jobs come and go; who has them all the time says so.
        self.assertEqual(rules({"gateway": False}), without("SfmcAuthProxyAbsent"))
        self.assertEqual(only(render(value_sets()["sidecar-only"])[0], "PrometheusRule")["spec"]["groups"][0]["rules"],
                         [rule for rule in groups[0]["rules"] if rule["alert"] != "SfmcAuthProxyAbsent"])
        self.assertEqual(rules(disabled(gateway=False)), every)

    def test_each_dashboard_is_its_file(self):
        paths = sorted((CHART / "dashboards").glob("*.json"))
        self.assertTrue(paths)
        found = [each for each in of_kind(self.objects, "ConfigMap") if "grafana_dashboard" in each["metadata"]["labels"]]
        kept = {name: text for each in found for name, text in each["data"].items()}
        self.assertEqual({path.name for path in paths}, set(kept))
        for path in paths:
            self.assertEqual(json.loads(kept[path.name]), json.loads(path.read_text()))
        for each in found:
            self.assertEqual(each["metadata"]["annotations"], {"grafana_folder": "Integrations"})

    def test_whatever_files_are_there(self):
        with tempfile.TemporaryDirectory() as folder:
            chart = Path(folder) / CHART.name
            shutil.copytree(CHART, chart)
            # Grafana's own variables look like templates.
            (chart / "dashboards" / "One_More.json").write_text('{"title": "{{tenant}} $__rate_interval"}\n')
            objects, _notes = render(value_sets()["monitoring"], chart=chart)
            more = next(each for each in objects if each["metadata"]["name"] == "acme-sfmc-auth-proxy-one-more")
            self.assertEqual(json.loads(more["data"]["One_More.json"])["title"], "{{tenant}} $__rate_interval")


class Network(unittest.TestCase):
    def test_callers_and_salesforce_alone(self):
        objects, _notes = render(value_sets()["network-policy-default"])
        spec = only(objects, "NetworkPolicy")["spec"]
        self.assertEqual(spec["policyTypes"], ["Ingress", "Egress"])
        ports = [sorted((port["port"], port["protocol"]) for port in rule["ports"]) for rule in spec["egress"]]
        self.assertEqual(ports, [[(53, "TCP"), (53, "UDP")], [(443, "TCP")]])
        # NodeLocal DNSCache is in the node's network, where no selector finds it.
        self.assertIn({"ipBlock": {"cidr": "169.254.20.10/32"}}, spec["egress"][0]["to"])
        blocks = [peer["ipBlock"] for peer in spec["egress"][1]["to"]]
        self.assertIn("169.254.0.0/16", blocks[0]["except"])
        # A rule without `from` lets everybody in, and one without `to` everybody out.
        for rule in spec["ingress"]:
            self.assertTrue(rule["from"])
        for rule in spec["egress"]:
            self.assertTrue(rule["to"])
        # `helm test` comes through.
        labels = only(objects, "Pod")["metadata"]["labels"].items()
        admin = next(rule for rule in spec["ingress"] if rule["ports"][0]["port"] == "admin")
        peers = [peer["podSelector"]["matchLabels"].items() for peer in admin["from"] if "podSelector" in peer]
        self.assertTrue(any(peer <= labels for peer in peers))

    def test_name_servers_may_have_another_port(self):
        ports = [{"port": 5353, "protocol": "UDP"}, {"port": 5353, "protocol": "TCP"}]
        values = {"networkPolicy": {"enabled": True, "egress": {"dnsPorts": ports}}}
        self.assertEqual(only(render(values)[0], "NetworkPolicy")["spec"]["egress"][0]["ports"], ports)

    def test_redis_is_let_out_where_it_is_named(self):
        rule = {"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}], "ports": [{"port": 6379, "protocol": "TCP"}]}
        values = {"state": {"kind": "redis"}, "networkPolicy": {"enabled": True, "extraEgress": [rule]}}
        self.assertEqual(only(render(values)[0], "NetworkPolicy")["spec"]["egress"][-1], rule)

    def test_empty_lists_open_nothing(self):
        values = {"networkPolicy": {"enabled": True, "callers": [], "monitoring": [], "egress": {"https": [], "dns": []}}}
        spec = only(render(values)[0], "NetworkPolicy")["spec"]
        self.assertEqual(spec["egress"] or [], [])
        self.assertEqual([rule["ports"][0]["port"] for rule in spec["ingress"]], ["admin"])


if __name__ == "__main__":
    unittest.main()
