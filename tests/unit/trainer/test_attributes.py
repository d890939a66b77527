"""Objects of the trainer are complete from the start: no method adds an attribute that the constructor did not set."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import trainer

BEGINNINGS = ("__init__", "__post_init__")
CLASSES = {
    node.name: node
    for path in sorted(Path(trainer.__file__).parent.glob("*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef)
}


def assigned(method: ast.AST) -> Iterator[str]:
    """Names of the attributes of self that a method binds."""
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def methods(owner: ast.ClassDef, *, beginnings: bool) -> Iterator[ast.FunctionDef]:
    for node in owner.body:
        if isinstance(node, ast.FunctionDef) and (node.name in BEGINNINGS) == beginnings:
            yield node


def begun(owner: ast.ClassDef) -> set[str]:
    """Attributes that an object of the class has from its beginning: its own, and those of its base classes."""
    fields = {
        node.target.id for node in owner.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    own = {name for method in methods(owner, beginnings=True) for name in assigned(method)}
    bases = [CLASSES[base.id] for base in owner.bases if isinstance(base, ast.Name) and base.id in CLASSES]
    return fields.union(own, *(begun(base) for base in bases))


@pytest.mark.parametrize("name", CLASSES)
def test_no_attribute_is_born_outside_the_constructor(name: str) -> None:
    owner = CLASSES[name]
    later = {attribute for method in methods(owner, beginnings=False) for attribute in assigned(method)}
    assert later <= begun(owner)


def test_an_attribute_born_later_is_found() -> None:
    (owner,) = ast.parse("class Late:\n    def __init__(self): self.a = 1\n    def go(self): self.a = self.b = 2").body
    assert isinstance(owner, ast.ClassDef)
    assert {name for method in methods(owner, beginnings=False) for name in assigned(method)} - begun(owner) == {"b"}
