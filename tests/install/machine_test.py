"""The Dockerfile, the compose file and the unit of systemd, each read by the tool that will read it."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from rendering import CHART, ROOT

# systemd's own figure: 0 is closed, 10 wide open. Network, Unix sockets and netlink are what remains.
EXPOSURE_MAX = 1.5


def run(*arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, **more)


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"),
               "SFMC_SUBDOMAIN": "mc1234567890abcdefghijklmnop", "SFMC_CLIENT_SECRET_FILE": "/run/secrets/sfmc-client-secret"}
        profiles = [word for name in ("sandbox", "tenant", "prometheus") for word in ("--profile", name)]
        said = run("docker-compose", "--file", str(ROOT / "compose.yaml"), *profiles, "config", "--format", "json", env=own)
        assert said.returncode == 0, said.stderr
        assert said.stderr == "", said.stderr
        cls.services = json.loads(said.stdout)["services"]
        cls.whole = json.loads(said.stdout)

    def test_each_is_behind_a_profile(self):
        for name, service in self.services.items():
            self.assertEqual(service["profiles"], [name])

    def test_nothing_is_published_beyond_this_machine(self):
        for service in self.services.values():
            self.assertTrue(service["ports"])
            for port in service["ports"]:
                self.assertEqual(port["host_ip"], "127.0.0.1")

    def test_nobody_can_do_more_than_needed(self):
        for service in self.services.values():
            self.assertEqual(service["cap_drop"], ["ALL"])
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
            self.assertNotIn("privileged", service)
            self.assertNotIn(":latest", service["image"])
        for name in ("sandbox", "tenant"):
            self.assertIs(self.services[name]["read_only"], True)
            self.assertEqual(self.services[name]["user"], "65532:65532")
            self.assertIn("healthcheck", self.services[name]["healthcheck"]["test"])

    def test_ones_own_tenant_gets_its_secret_as_a_file(self):
        tenant = self.services["tenant"]
        self.assertEqual(tenant["environment"]["SFMC_SUBDOMAIN"], "mc1234567890abcdefghijklmnop")
        (secret,) = tenant["secrets"]
        self.assertEqual(tenant["environment"]["SFMC_CLIENT_SECRET_FILE"], secret["target"])
        self.assertEqual(self.whole["secrets"][secret["source"]]["file"], "/run/secrets/sfmc-client-secret")
        self.assertNotIn("SFMC_CLIENT_SECRET", tenant["environment"])

    def test_the_program_takes_what_it_is_given(self):
        for name in ("sandbox", "tenant"):
            with tempfile.TemporaryDirectory() as folder:
                given = {key: value or "x" for key, value in self.services[name]["environment"].items()}
                given |= {"SFMC_SUBDOMAIN": "mc1234567890abcdefghijklmnop", "SFMC_CLIENT_ID": "id", "SFMC_ACCOUNT_ID": "1",
                          "SFMC_ACCOUNTS": "emea=510001235", "SFMC_SCOPE": "email_read", "HOME": folder}
                given.setdefault("SFMC_CLIENT_SECRET_FILE", "/run/secrets/client_secret")
                said = run(os.environ["PROGRAM"], "check", "--syntax-only", cwd=folder, env=given)
                self.assertEqual(said.returncode, 0, said.stderr)

    def test_prometheus_reads_the_proxy(self):
        configuration = yaml.safe_load(self.whole["configs"]["prometheus"]["content"])
        (target,) = configuration["scrape_configs"][0]["static_configs"][0]["targets"]
        host, port = target.split(":")
        for name in ("sandbox", "tenant"):
            service = self.services[name]
            self.assertIn(host, service["networks"]["default"]["aliases"])
            self.assertIn(host, service["environment"]["SFMC_AUTH_PROXY_LISTEN_ALLOWED_HOSTS"].split(","))
            self.assertIn(int(port), [each["target"] for each in service["ports"]])


class Systemd(unittest.TestCase):
    UNIT = ROOT / "config" / "sfmc-auth-proxy.service"

    @classmethod
    def setUpClass(cls):
        """The unit among files that are as it wants them: systemd-analyze looks whether the program is there."""
        cls.folder = Path(tempfile.mkdtemp(prefix="sfmc-unit-"))
        program = cls.folder / "sfmc-auth-proxy"
        program.symlink_to(os.environ["PROGRAM"])
        cls.unit = cls.folder / "sfmc-auth-proxy.service"
        cls.unit.write_text(cls.UNIT.read_text().replace("/usr/local/bin/sfmc-auth-proxy", str(program)))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def keys(self, name):
        return re.findall(rf"^{name}=(.*)$", self.UNIT.read_text(), re.M)

    def test_systemd_understands_it(self):
        said = run("systemd-analyze", "verify", "--man=no", str(self.unit))
        self.assertEqual((said.returncode, said.stdout + said.stderr), (0, ""))

    def test_little_is_exposed(self):
        said = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(self.unit))
        exposure = float(re.search(r"exposure level for .*: ([0-9.]+)", said.stdout)[1])
        self.assertLessEqual(exposure, EXPOSURE_MAX, said.stdout)

    def test_it_waits_for_the_drain(self):
        text = (ROOT / "config" / "sfmc-auth-proxy.toml").read_text()
        drain = sum(int(re.search(rf'{key} = "(\d+)s"', text)[1]) for key in ("drain_delay", "drain_timeout"))
        (timeout,) = self.keys("TimeoutStopSec")
        self.assertGreaterEqual(int(timeout.removesuffix("s")), drain)

    def test_a_wrong_configuration_is_not_tried_again(self):
        self.assertEqual(self.keys("RestartPreventExitStatus"), ["2"])
        self.assertEqual(self.keys("ExecStartPre"), [])
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write("[tenants.acme]\nsubdomian = 1\n")
            file.flush()
            said = run(os.environ["PROGRAM"], "run", "--config", file.name, env={"PATH": os.environ["PATH"]})
            self.assertEqual(said.returncode, 2, said.stderr)

    def documented(self, language):
        blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "systemd.md").read_text(), re.S)
        self.assertTrue(blocks)
        return blocks

    def test_a_reload_wants_nothing_that_only_the_service_is_given(self):
        check, kill = self.keys("ExecReload")
        self.assertEqual(kill, "/bin/kill -HUP $MAINPID")
        program, *arguments, path = check.split()
        self.assertEqual((program, path), ("/usr/local/bin/sfmc-auth-proxy", "/etc/sfmc-auth-proxy/config.toml"))
        (block,) = self.documented("toml")
        for text, status in ((block, 0), (block.replace("subdomain", "subdomian"), 2)):
            with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
                file.write(text)
                file.flush()
                # No credentials, and none of the directories.
                said = run(os.environ["PROGRAM"], *arguments, file.name, env={"PATH": os.environ["PATH"]})
                self.assertEqual(said.returncode, status, said.stderr)

    def test_a_command_from_a_shell_finds_the_secrets(self):
        """What docs/systemd.md says of CREDENTIALS_DIRECTORY: the files are called as the credentials are."""
        drop_ins = "".join(self.documented("ini"))
        loaded = self.keys("LoadCredential") + re.findall(r"^LoadCredential=(.*)$", drop_ins, re.M)
        self.assertEqual(len(loaded), 2)
        for name, path in (each.split(":") for each in loaded):
            self.assertEqual(path, f"/etc/sfmc-auth-proxy/{name}")
        (block,) = self.documented("toml")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "client_secret").write_text("secret")
            Path(folder, "state_key").write_text(base64.b64encode(bytes(range(32))).decode())
            for name in ("client_secret", "state_key"):
                Path(folder, name).chmod(0o600)
            Path(folder, "config.toml").write_text(block.replace("/var/log/sfmc-auth-proxy", folder).replace(
                "/var/lib/sfmc-auth-proxy", folder))
            own = {"PATH": os.environ["PATH"], "HOME": folder}
            arguments = [os.environ["PROGRAM"], "check", "--config", f"{folder}/config.toml"]
            without = run(*arguments, env=own)
            self.assertEqual(without.returncode, 2)
            self.assertIn("CREDENTIALS_DIRECTORY is not set", without.stderr)
            said = run(*arguments, env=own | {"CREDENTIALS_DIRECTORY": folder})
            self.assertEqual(said.returncode, 0, said.stderr)

    def test_systemd_understands_the_documented_drop_ins(self):
        folder = Path(f"{self.unit}.d")
        folder.mkdir()
        self.addCleanup(shutil.rmtree, folder)
        for number, block in enumerate(self.documented("ini")):
            (folder / f"{number}.conf").write_text(block)
        said = run("systemd-analyze", "verify", "--man=no", str(self.unit))
        self.assertEqual((said.returncode, said.stdout + said.stderr), (0, ""))

    def test_an_application_waits_for_the_proxy(self):
        """docs/sidecar.md: with its lines, a unit that systemd understands."""
        (block,) = re.findall(r"```ini\n(.*?)```", (ROOT / "docs" / "sidecar.md").read_text(), re.S)
        application = self.folder / "newsletter.service"
        application.write_text(block + "ExecStart=/bin/true\n")
        said = run("systemd-analyze", "verify", "--man=no", str(application))
        self.assertEqual((said.returncode, said.stdout + said.stderr), (0, ""))
        (command,) = re.findall(r"^ExecStartPre=/usr/bin/timeout 60 sh -c '(.*)'$", block, re.M)
        healthcheck = re.search(r"until (sfmc-auth-proxy .*?);", command)[1].split()
        # Nobody is there, which is no fault of the configuration: it needs none of the secrets.
        (toml,) = self.documented("toml")
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(toml + '[admin]\nlisten = "127.0.0.1:9"\n')
            file.flush()
            said = run(os.environ["PROGRAM"], *healthcheck[1:], "--config", file.name, env={"PATH": os.environ["PATH"]})
            self.assertEqual(said.returncode, 1, said.stderr)
            self.assertIn("does not answer", said.stderr)


class Dockerfile(unittest.TestCase):
    TEXT = (ROOT / "Dockerfile").read_text()

    def test_the_linter_is_content(self):
        said = run("hadolint", str(ROOT / "Dockerfile"))
        self.assertEqual((said.returncode, said.stdout), (0, ""))

    def test_it_builds_with_the_pinned_compiler(self):
        channel = re.search(r'channel = "(\d+\.\d+)', (ROOT / "rust-toolchain.toml").read_text())[1]
        self.assertIn(f"/rust:{channel}-", re.search(r"^ARG BUILD_IMAGE=(.*)$", self.TEXT, re.M)[1])

    def test_it_runs_as_the_charts_user_on_the_charts_ports(self):
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        user = values["podSecurityContext"]["runAsUser"]
        self.assertIn(f"\nUSER {user}:{values['podSecurityContext']['runAsGroup']}\n", self.TEXT)
        self.assertIn(f"\nEXPOSE {values['ports']['http']} {values['ports']['admin']}\n", self.TEXT)

    def test_stand_ins_are_made_for_each_target(self):
        manifest = (ROOT / "Cargo.toml").read_text()
        # A target without a path has its usual one.
        paths = re.findall(r'^path = "(.*)"$', manifest, re.M)
        paths += [f"benches/{name}.rs" for name in re.findall(r'\[\[bench\]\]\nname = "(\w+)"', manifest)]
        for path in paths:
            self.assertIn(path, self.TEXT)

    def test_nothing_but_what_is_copied_is_sent_to_a_build(self):
        lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
        self.assertEqual(lines[0], "*")
        copied = re.findall(r"^COPY (?!--from)(.*) \S+$", self.TEXT, re.M)
        self.assertEqual(sorted(" ".join(copied).split()), sorted(line[1:] for line in lines[1:]))


if __name__ == "__main__":
    unittest.main()
