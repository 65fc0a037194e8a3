"""What pydantic found, told as the language's own diagnostics, each at its place."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from msforge.errors import Diagnostic
from msforge.names import closest, did_you_mean
from msforge.spec.fields import shown
from msforge.spec.places import join, place_of
from msforge.spec.schema_faults import FAULT_TYPES
from msforge.spec.schema_steps import STEP_TYPES
from msforge.spec.shape import Choice, Items, Key, Leaf, Model, Names, Shape, keys_of
from msforge.spec.source import Map, Mark, Seq, problem


def diagnose(error: ValidationError, document: Map, root: Mark | None, shape: Shape) -> list[Diagnostic]:
    """Every problem of a ValidationError, in the order of the file."""
    details = error.errors(include_url=False, include_context=True)
    return [_one(detail, document, root, shape) for detail in details]


def _one(detail: ErrorDetails, document: Map, root: Mark | None, shape: Shape) -> Diagnostic:
    path, at, key = _path(detail["loc"], document, shape)
    code, message, hint = _words(detail, at, path)
    inside = detail.get("ctx", {}).get("at", "")
    if inside:
        path, key = (*path, inside), True
    if detail["type"] == "missing":
        place = place_of(document, path[:-1], root, key=True)
    else:
        place = place_of(document, path, root, key=key or detail["type"] == "extra_forbidden")
    return problem(place, code, message, hint, join(path))


def _path(loc: tuple[int | str, ...], document: Map, shape: Shape) -> tuple[tuple[int | str, ...], list[Shape], bool]:
    """The path in the raw document, the shapes along it, and whether the key itself is meant.

    pydantic's `loc` also holds the tags of unions (`<call>`), `[key]`, and steps into what a
    validator made of a shorthand; none of these are in the document.
    """
    path: list[int | str] = []
    raw: Any = document
    shapes: list[Shape] = [shape]
    key = False
    for element in loc:
        shape = shapes[-1]
        if isinstance(shape, Choice) and element in shape.options:
            shapes.append(shape.options[str(element)])
            continue
        if element == "[key]":
            key = True
            continue
        shapes.append(_inside(shape, element))
        if isinstance(raw, Map) and isinstance(element, str):
            path.append(element)
            raw = raw.get(element)
        elif isinstance(raw, Seq) and isinstance(element, int) and element < len(raw):
            path.append(element)
            raw = raw[element]
        elif raw is not None and not isinstance(element, int):
            raw = None
    return tuple(path), shapes, key


def _inside(shape: Shape, element: int | str) -> Shape:
    if isinstance(shape, (Items, Names)):
        return shape.item
    if isinstance(shape, Model):
        found: Key | None = keys_of(shape.model).get(str(element))
        return found.shape if found is not None else Leaf()
    return Leaf()


def _words(detail: ErrorDetails, at: list[Shape], path: tuple[int | str, ...]) -> tuple[str, str, str]:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "msforge":
        return context["code"], context["text"], context["help"]
    if kind == "extra_forbidden":
        return _unknown(at[-2], str(path[-1]) if path else "")
    if kind == "missing":
        owner = at[-2]
        key = keys_of(owner.model)[str(detail["loc"][-1])] if isinstance(owner, Model) else None
        text = key.info.description if key is not None and key.info.description else ""
        if detail["loc"] == ("msforge",):
            text = "begin the file with `msforge: 1`"
        return "E103", f"`{detail['loc'][-1]}` is missing", text
    if kind == "literal_error":
        return _choice(at[-1], value)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        hint = "remove the `-` or indent its keys below it" if isinstance(value, list) else ""
        if value is None:
            hint = "write what belongs below this key, or remove the key"
        elif not hint and isinstance(at[-1], Model):
            hint = f"its keys are {', '.join(keys_of(at[-1].model))}"
        return "E104", f"expected a mapping, found {shown(value)}", hint
    if kind == "list_type":
        return "E105", f"expected a list, found {shown(value)}", "write [a, b] or one item a line, each with a `-`"
    if kind == "bool_type":
        hint = "YAML 1.2 writes true and false" if str(value).lower() in ("yes", "no", "on", "off") else ""
        return "E212", f"expected true or false, found {shown(value)}", hint
    if kind == "too_short":
        return "E106", "at least one entry is needed here", ""
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        return "E204", f"{shown(value)} is out of bounds: the {'least' if 'ge' in context else 'most'} is {bound}", ""
    if kind == "int_type":
        return "E203", f"expected a whole number, found {shown(value)}", ""
    return "E199", f"{detail['msg']}, found {shown(value)}", ""


def _choice(shape: Shape, value: Any) -> tuple[str, str, str]:
    choices = shape.choices if isinstance(shape, Leaf) else ()
    words = [f"`{choice}`" for choice in choices]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    near = closest(value, [str(c) for c in choices]) if isinstance(value, str) else ""
    return "E205", f"expected {listed}, found {shown(value)}", f"did you mean `{near}`?" if near else ""


def _unknown(owner: Shape, word: str) -> tuple[str, str, str]:
    model: type[BaseModel] | None = owner.model if isinstance(owner, Model) else None
    if model is None:
        return "E101", f"unknown key `{word}`", ""
    known = list(keys_of(model))
    if word.endswith("+") and word[:-1] in known:
        return (
            "E101",
            f"`{word}` appends to a list, and only in an overlay",
            f"write {word}: [...] in a scenario or --set",
        )
    verb = getattr(model, "verb", None)
    if verb is not None and STEP_TYPES.get(verb) is model:
        options = [key for key in known if key != verb]
        hint = (
            f"did you mean `{closest(word, options)}`?"
            if closest(word, options)
            else (f"the options of {verb} are {', '.join(options)}")
        )
        return "E107", f"`{word}` is not an option of `{verb}`", _belongs(word, verb) or hint
    kind = getattr(model, "kind", None)
    if kind is not None and FAULT_TYPES.get(kind) is model:
        options = [key for key in known if key != kind]
        hint = (
            f"did you mean `{closest(word, options)}`?"
            if closest(word, options)
            else (f"the options of {kind} are {', '.join(options)}")
        )
        return "E107", f"`{word}` is not an option of `{kind}`", hint
    return "E101", f"unknown key `{word}`", did_you_mean(word, known) or f"known here: {', '.join(known)}"


def _belongs(word: str, verb: str) -> str:
    """Where an option belongs, when it is spelled right but stands at the wrong verb."""
    owners = [
        other for other, model in STEP_TYPES.items() if other != verb and word in keys_of(model) and word != other
    ]
    if not owners:
        return ""
    return f"`{word}` belongs to {', '.join(owners)}; {verb} has " + ", ".join(
        key for key in keys_of(STEP_TYPES[verb]) if key != verb
    )
