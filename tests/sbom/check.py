"""Checks the software bill of materials: `check.py FILE`. It must be valid, and complete: every reference has a component,
and the libraries that are not crates are components that the application depends on."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

LIBRARIES = {"jemalloc", "libpq", "openssl", "sqlite", "swagger-ui", "zstd"}

text = open(sys.argv[1], encoding="utf-8").read()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert error is None, error

bill = json.loads(text)
components = {component["bom-ref"]: component for component in bill["components"]}
assert len(components) == len(bill["components"]), "a component is listed twice"
depends_on = {dependency["ref"]: dependency["dependsOn"] for dependency in bill["dependencies"]}

reached, open_refs = set(), [bill["metadata"]["component"]["bom-ref"]]
while open_refs:
    for ref in depends_on.get(open_refs.pop(), []):
        if ref not in reached:
            reached.add(ref)
            open_refs.append(ref)
assert reached == components.keys(), reached ^ components.keys()

libraries = {component["name"] for ref, component in components.items() if ref.startswith("pkg:generic/")}
assert libraries == LIBRARIES, libraries ^ LIBRARIES
print(f"{len(components)} components, {len(libraries)} of which are not crates")
