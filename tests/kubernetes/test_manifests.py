"""The manifests in ops/kubernetes are valid, complete and consistent."""

import copy
import re
import unittest
from pathlib import Path

import yaml
from kubernetes_validate import ValidationError, validate

ROOT = Path(__file__).parent.parent.parent
DIRECTORY = ROOT / "ops/kubernetes"
# The oldest and the newest release of Kubernetes that the manifests are validated against.
RELEASES = ["1.30", "1.37"]
PART = {"app.kubernetes.io/name": "roster", "app.kubernetes.io/component": "server"}


def load(name):
    return yaml.safe_load((DIRECTORY / name).read_text())


FILES = sorted(file.name for file in DIRECTORY.glob("*.yaml") if file.name != "kustomization.yaml")
MANIFESTS = {name: load(name) for name in FILES}


def pod(name):
    return MANIFESTS[name]["spec"]["template"]["spec"]


def container(name="deployment.yaml"):
    return pod(name)["containers"][0]


def seconds(duration):
    return int(re.fullmatch(r"(\d+)s", duration)[1])


class Schemas(unittest.TestCase):
    def check(self, manifest):
        for release in RELEASES:
            self.assertEqual(validate(manifest, release, strict=True), release)

    def test_every_manifest_is_valid(self):
        for name, manifest in MANIFESTS.items():
            with self.subTest(name):
                self.check(manifest)

    def test_an_unknown_field_is_refused(self):
        for path in [("spec",), ("spec", "template", "spec"), ("spec", "template", "spec", "securityContext")]:
            self.refuse(path, "unknownField", True)

    def test_a_wrong_type_is_refused(self):
        self.refuse(("spec",), "replicas", "2")
        self.refuse(("spec", "template", "spec"), "terminationGracePeriodSeconds", "30s")
        self.refuse(("spec", "template", "spec"), "containers", {})

    def refuse(self, path, field, value):
        manifest = copy.deepcopy(MANIFESTS["deployment.yaml"])
        target = manifest
        for part in path:
            target = target[part]
        target[field] = value
        with self.assertRaises(ValidationError):
            self.check(manifest)


class Consistency(unittest.TestCase):
    def test_the_kustomization_contains_every_manifest(self):
        kustomization = load("kustomization.yaml")
        self.assertEqual(sorted(kustomization["resources"]), [name for name in FILES if "example" not in name])
        self.assertEqual({image["name"] for image in kustomization["images"]},
                         {container(name)["image"] for name in ("deployment.yaml", "migrate.yaml")})
        for name, manifest in MANIFESTS.items():
            if name != "namespace.yaml":
                self.assertEqual(manifest["metadata"]["namespace"], kustomization["namespace"], name)

    def test_selectors_match_only_the_servers(self):
        deployment, spread = MANIFESTS["deployment.yaml"]["spec"], pod("deployment.yaml")["topologySpreadConstraints"]
        selectors = [deployment["selector"]["matchLabels"], MANIFESTS["service.yaml"]["spec"]["selector"],
                     MANIFESTS["poddisruptionbudget.yaml"]["spec"]["selector"]["matchLabels"],
                     *(each["labelSelector"]["matchLabels"] for each in spread)]
        for selector in [*selectors, deployment["template"]["metadata"]["labels"]]:
            self.assertEqual(selector, PART)
        job = MANIFESTS["migrate.yaml"]["spec"]["template"]["metadata"]["labels"]
        self.assertNotEqual(job["app.kubernetes.io/component"], PART["app.kubernetes.io/component"])
        policy = MANIFESTS["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"]
        self.assertTrue(policy.items() <= job.items() and policy.items() <= PART.items())

    def test_ports_are_those_on_which_the_server_listens(self):
        settings, ports = MANIFESTS["configmap.yaml"]["data"], {}
        for port in container()["ports"]:
            ports[port["name"]] = port["containerPort"]
        self.assertEqual(ports, {name: int(settings[setting].rpartition(":")[2]) for name, setting in
                                 [("http", "ROSTER_LISTEN"), ("metrics", "ROSTER_METRICS_LISTEN")]})
        used = [each["targetPort"] for each in MANIFESTS["service.yaml"]["spec"]["ports"]]
        used += [port["port"] for rule in MANIFESTS["networkpolicy.yaml"]["spec"]["ingress"] for port in rule["ports"]]
        used += [container()[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
        self.assertEqual(set(used), ports.keys())

    def test_the_settings_exist(self):
        settings = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        used = set(MANIFESTS["configmap.yaml"]["data"]) | {each["name"] for each in container()["env"]}
        self.assertEqual(used - settings, set())

    def test_the_secret_has_what_the_pods_read(self):
        secret = MANIFESTS["secret.example.yaml"]
        references = [each["valueFrom"]["secretKeyRef"] for name in ("deployment.yaml", "migrate.yaml")
                      for each in container(name)["env"] if "valueFrom" in each]
        [volume] = pod("deployment.yaml")["volumes"]
        keys = {each["key"] for each in references} | {each["key"] for each in volume["secret"]["items"]}
        self.assertEqual(keys, secret["stringData"].keys())
        self.assertEqual({each["name"] for each in references} | {volume["secret"]["secretName"]},
                         {secret["metadata"]["name"]})
        [mount] = container()["volumeMounts"]
        self.assertIn({"name": "ROSTER_ADMIN_KEY_FILE", "value": f"{mount['mountPath']}/admin-key"}, container()["env"])

    def test_a_pod_has_time_to_stop(self):
        settings = MANIFESTS["configmap.yaml"]["data"]
        needed = seconds(settings["ROSTER_DRAIN_DELAY"]) + seconds(settings["ROSTER_SHUTDOWN_TIMEOUT"])
        self.assertGreater(pod("deployment.yaml")["terminationGracePeriodSeconds"], needed)


class Restrictions(unittest.TestCase):
    def test_pods_run_as_the_user_of_the_image_without_privileges(self):
        user, group = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE).groups()
        for name in ("deployment.yaml", "migrate.yaml"):
            security = pod(name)["securityContext"]
            self.assertEqual((security["runAsNonRoot"], security["runAsUser"], security["runAsGroup"]),
                             (True, int(user), int(group)))
            self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertIs(pod(name)["automountServiceAccountToken"], False)
            self.assertEqual(pod(name)["serviceAccountName"], MANIFESTS["serviceaccount.yaml"]["metadata"]["name"])
            self.assertEqual(container(name)["securityContext"], {
                "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}})

    def test_the_network_policy_restricts_both_directions(self):
        policy = MANIFESTS["networkpolicy.yaml"]["spec"]
        self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])
        rules = [rule.get("from") for rule in policy["ingress"]] + [rule.get("to") for rule in policy["egress"]]
        self.assertEqual(len(rules), 4)
        for rule in rules:
            for peer in rule:
                self.assertTrue(any(peer[selector] for selector in peer), f"allows every pod: {peer}")


if __name__ == "__main__":
    unittest.main()
