"""What OpenAPI has no words for."""

import json
import uuid

import schemathesis
from hypothesis import strategies as st

STRINGS = st.sampled_from(
    ["userName", "externalId", "displayName", "name.familyName", "emails.value", "phoneNumbers.type", "enterprise.department"]
)
TIMES = st.sampled_from(["createdAt", "updatedAt"])
ORDER = ["gt", "ge", "lt", "le"]

quoted = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8).map(json.dumps)
time = st.datetimes().map(lambda time: f'"{time.isoformat()}Z"')


def compare(names: st.SearchStrategy[str], operators: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{} {} {}".format, names, st.sampled_from(operators), values)


def filters(strings: st.SearchStrategy[str], times: st.SearchStrategy[str], *others: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """docs/filters.md"""
    term = st.one_of(
        compare(strings, ["eq", "ne", "co", "sw", "ew", *ORDER], quoted),
        compare(times, ["eq", "ne", *ORDER], time),
        st.builds("{} pr".format, strings | times),
        *others,
    )
    return st.recursive(
        term,
        lambda inner: st.one_of(
            st.builds("not ({})".format, inner),
            st.builds("({}) {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
        ),
        max_leaves=6,
    )


NUMBERS = compare(st.just("version"), ["eq", "ne", *ORDER], st.integers(0, 9).map(str))
BOOLEANS = compare(st.just("active"), ["eq", "ne"], st.sampled_from(["true", "false"]))
LISTS = st.builds("emails[value sw {} and primary eq true]".format, quoted)
COMMON = st.sampled_from(["displayName", "externalId"])
SCIM_TIMES = st.sampled_from(["meta.created", "meta.lastModified"])
SCIM_STRINGS = STRINGS.map(
    lambda name: name.replace("enterprise.", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:")
)
MEMBERS = st.builds('members[value eq "{}"]'.format, st.uuids())

schemathesis.openapi.format("user-filter", filters(STRINGS, TIMES, NUMBERS, BOOLEANS, LISTS))
schemathesis.openapi.format("group-filter", filters(COMMON, TIMES, NUMBERS))
schemathesis.openapi.format("scim-user-filter", filters(SCIM_STRINGS, SCIM_TIMES, BOOLEANS, LISTS))
schemathesis.openapi.format("scim-group-filter", filters(COMMON, SCIM_TIMES, MEMBERS))
schemathesis.openapi.format("scim-filter", filters(COMMON, SCIM_TIMES))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict) -> None:
    headers, query, body = case.headers, case.query, case.body
    is_positive = case.meta.generation.mode.is_positive
    # A 201 has a body or none: there is no way to write both down. Headers that nobody knows are let pass.
    if case.method == "POST" and (is_positive or "x-schemathesis-unknown-property" in headers):
        headers.pop("Prefer", None)
    if not is_positive:
        return
    # A key that came with another body is refused.
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    # In the coverage phase Schemathesis finds no value for their pattern, and takes "" for one.
    for name in ("If-Match", "If-None-Match"):
        if headers.get(name) == "":
            del headers[name]
    # Only the page before gives a good one, and only for the same filter and order.
    query.pop("cursor", None)
    for place in (query, body if isinstance(body, dict) else {}):
        if "attributes" in place:
            place.pop("excludedAttributes", None)
    if case.path.startswith("/scim/v2/") and isinstance(body, dict):
        # As in a query; and members are users, whom only the server knows.
        body.pop("cursor", None)
        body.pop("members", None)
    # The id in a body is the one in the path.
    if isinstance(body, dict) and "id" in body and case.path_parameters:
        body["id"] = case.path_parameters["id"]
    case.body = storable(body)


def storable(value: object) -> object:
    """The same without U+0000 and integers beyond 64 bits, which no body may have anywhere."""
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return 0
    return value
