# SPDX-License-Identifier: BSD-2-Clause
"""The JSON golden files keep to their schema, and the schema notices drift: test_schema.py SCHEMA GOLDEN_DIR"""
import copy
import glob
import json
import os
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("python3-jsonschema is missing: install it, or run ./quickstart test")


def strict_json(text):
    def refuse(name):
        raise ValueError(f"not JSON: {name}")

    return json.loads(text, parse_constant=refuse)


def objects_of(value, path=()):
    """Every object in a document, with its path."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from objects_of(item, path + (key,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from objects_of(item, path + (index,))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def thinned(value):
    """The document with one element per list of objects: the others would only repeat the check."""
    if isinstance(value, dict):
        return {key: thinned(item) for key, item in value.items()}
    if isinstance(value, list):
        objects = value and isinstance(value[0], dict)
        return [thinned(item) for item in (value[:1] if objects else value)]
    return value


def check_drift(validator, document, name):
    """Leave out, add and retype each field once: the schema must object to every one."""
    for path, value in objects_of(document):
        mutations = [("an extra field", lambda o: o.__setitem__("extra_", 1))]
        for key in value:
            mutations.append((f"without {key}", lambda o, key=key: o.pop(key)))
            mutations.append((f"{key} of a wrong type", lambda o, key=key: o.__setitem__(key, {"wrong_": True})))
        for what, mutate in mutations:
            changed = copy.deepcopy(document)
            mutate(at(changed, path))
            if validator.is_valid(changed):
                sys.exit(f"{name}: the schema accepts {'/'.join(map(str, path)) or 'the document'} {what}")


def check_sums(document, path):
    """What must add up in a report."""
    m = document["measurement"]
    if m["on_cpu_ns"] + m["runnable_ns"] + sum(m["blocked_ns"].values()) + m["unattributed_ns"] != m["thread_time_ns"]:
        sys.exit(f"{path}: the parts of thread_time_ns do not add up")
    path_found = document["critical_path"]
    if path_found:
        parts = path_found["parts"]
        if sum(part["time_ns"] for part in parts) + path_found["rest_ns"] != path_found["wall_ns"]:
            sys.exit(f"{path}: the parts of the critical path do not add up")


def main():
    schema_path, golden = sys.argv[1:3]
    with open(schema_path, encoding="utf-8") as file:
        schema = strict_json(file.read())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    paths = sorted(glob.glob(os.path.join(golden, "*.json")))
    if len(paths) < 3:
        sys.exit(f"only {len(paths)} golden JSON files in {golden}")
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = strict_json(file.read())
        for error in validator.iter_errors(document):
            sys.exit(f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message}")
        if "measurement" in document:
            check_sums(document, path)
        check_drift(validator, thinned(document), path)


main()
