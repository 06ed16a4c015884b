"""Checks that a document is valid OpenAPI 3.1 and that every example conforms to its schema.

usage: check.py docs/openapi.json
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCUMENT = "urn:document"


def media_types(value: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every media type object of the document with its JSON pointer."""
    if isinstance(value, dict):
        for name, inner in value.items():
            at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name == "content":
                for media_type, found in inner.items():
                    yield f"{at}/{media_type.replace('/', '~1')}", found
            else:
                yield from media_types(inner, at)


def main() -> None:
    document = json.loads(Path(sys.argv[1]).read_text())
    OpenAPIV31SpecValidator(document).validate()
    registry = Registry().with_resource(DOCUMENT, DRAFT202012.create_resource(document))
    checked = 0
    for part in ("paths", "components"):
        for pointer, media_type in media_types(document[part], f"/{part}"):
            examples = [named["value"] for named in media_type.get("examples", {}).values()]
            if "example" in media_type:
                examples.append(media_type["example"])
            schema = {"$ref": f"{DOCUMENT}#{pointer}/schema"}
            validator = OAS31Validator(schema, registry=registry, format_checker=oas31_format_checker)
            for example in examples:
                validator.validate(example)
                checked += 1
    assert checked > 50, f"only {checked} examples"
    print(f"OpenAPI 3.1, {len(document['paths'])} paths, {checked} valid examples")


main()
