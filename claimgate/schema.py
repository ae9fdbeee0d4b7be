"""JSON Schema with messages a reader can act on."""

from claimgate.errors import InputError

_SOUND: dict[int, dict] = {}  # schemas by their identity, kept so that no other can take it


def violations(record: object, schema: dict) -> list[tuple[str, str]]:
    """Check a record against a schema.

    Args:
        record: The parsed record.
        schema: JSON Schema, draft 2020-12.

    Returns:
        For each violation the name of the broken rule ("required", "type", ...) and one line giving the path
        inside the record, the rule and what stands there; empty for a valid record.

    Raises:
        InputError: If the schema itself is none.
    """
    from jsonschema import Draft202012Validator, SchemaError  # a slow import that only some commands need

    if id(schema) not in _SOUND:  # to look through a schema takes longer than to look through a record
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise InputError(f"expected a JSON Schema, got one that is none: {error.message[:200]}") from error
        _SOUND[id(schema)] = schema
    errors = Draft202012Validator(schema).iter_errors(record)
    return [(error.validator, f"{error.json_path}: {error.message[:200]}") for error in errors]
