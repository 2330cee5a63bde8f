"""Fails when a report of checkpoint-bench is not as its JSON Schema says.

Knows the keywords that report.schema.json uses, and refuses any other, so that none is passed over in silence.
"""

import json
import sys

KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "format", "type", "required", "properties",
    "additionalProperties", "items", "minItems", "maxItems", "minimum",
}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}


def problems(value, schema, root, place):
    unknown = set(schema) - KNOWN
    if unknown:
        raise SystemExit(f"the schema uses {sorted(unknown)}, which this check does not know")
    if "$ref" in schema:
        target = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        yield from problems(value, target, root, place)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(TYPES[name](value) for name in types):
        yield f"{place} is no {' or '.join(types)}"
        return
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{place} is less than {schema['minimum']}"
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{place}.{name} is missing"
        for name, member in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
            if inner is False:
                yield f"{place}.{name} is not in the schema"
            elif inner is not True:
                yield from problems(member, inner, root, f"{place}.{name}")
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{place} has {len(value)} elements"
        for index, member in enumerate(value):
            yield from problems(member, schema.get("items", {}), root, f"{place}[{index}]")


def main():
    with open(sys.argv[1]) as file:
        schema = json.load(file)
    with open(sys.argv[2]) as file:
        report = json.load(file)
    found = list(problems(report, schema, schema, "report"))
    if not report.get("rows"):
        found.append("report.rows is empty")
    print("\n".join(found) or f"{len(report['rows'])} rows, as the schema says")
    sys.exit(1 if found else 0)


main()
