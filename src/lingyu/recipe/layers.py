"""The layers of a recipe: a file, its parents, the command line, merged into one tree.

Mappings merge, lists and values replace. data.labels replaces as a whole: labels of two recipes have no order together.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from lingyu.errors import Faults, LingyuError

from .document import COMMAND_LINE, Fault, MappingNode, Node, Place, ScalarNode, parse, read_text

_WHOLE = ("data.labels",)
_LONGEST_CHAIN = 5


class Layers:
    """A recipe's merged tree with the faults that reading it found.

    sources: the files in the order in which a reader meets them, then the command line. Faults are shown in that order.
    complete: False where a layer could not be read, so that what is missing may stand there.
    """

    def __init__(self, path: Path, overrides: Sequence[str]) -> None:
        self.sources: list[str] = []
        self.faults: list[Fault] = []
        self.complete = True
        root = self._file(path)
        self.sources.append(COMMAND_LINE)
        for override in overrides:
            layer = self._override(override)
            if layer is not None:
                root = merged(root, layer)
        self.root = root

    def in_order(self, faults: Sequence[Fault]) -> Faults:
        """The error with faults in the order in which a reader meets them, each once."""
        ordered = sorted(faults, key=lambda fault: (self.sources.index(fault.place.source), fault.place.line or 0))
        return Faults(fault.as_error() for fault in dict.fromkeys(ordered))

    def _file(self, path: Path) -> MappingNode:
        """The tree of a file, merged onto its parents'. What is no YAML mapping of keys raises at once."""
        source = str(path)
        self.sources.append(source)
        document = parse(read_text(path), source)
        self.faults += document.faults
        if document.refused:
            raise self.in_order(self.faults)
        root = document.root
        if not isinstance(root, MappingNode):
            raise _not_a_recipe(path, root)
        parent = root.entries.get("extends")
        if parent is None:
            return root
        own = MappingNode(root.place, {key: node for key, node in root.entries.items() if key != "extends"})
        inherited = self._parent(path, parent)
        return own if inherited is None else merged(inherited, own)

    def _parent(self, path: Path, node: Node) -> MappingNode | None:
        """The tree of a parent; None, with a fault, where there is none to read."""
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            self._no_parent(node, "extends: one file belongs here", "A recipe has at most one parent")
            return None
        parent = Path(os.path.normpath(path.parent / node.value))
        if str(parent) in self.sources:
            self._no_parent(node, f"extends: {parent} extends itself", "Leave out one of the links of this ring")
        elif len(self.sources) >= _LONGEST_CHAIN:
            self._no_parent(node, f"extends: more than {_LONGEST_CHAIN} files in a chain", "Merge some of them")
        else:
            try:
                return self._file(parent)
            except Faults:
                raise
            except LingyuError as error:
                self._no_parent(node, f"extends: {error.where}: {error.what}", error.next)
        return None

    def _no_parent(self, node: Node, what: str, next_step: str | None) -> None:
        self.complete = False
        self.faults.append(Fault(node.place, what, next_step))

    def _override(self, text: str) -> MappingNode | None:
        """The tree of one `dotted.key=value`; None, with a fault, where it is none."""
        key, sign, value = text.partition("=")
        key = key.strip()
        place = Place(COMMAND_LINE)
        if not sign or not all(key.split(".")):
            example = "Write it like train.num_train_epochs=3"
            self.faults.append(Fault(place, f"{text}: not an override of the form key=value", example))
            return None
        if key == "extends" or any(key.startswith(f"{whole}.") for whole in _WHOLE):
            next_step = (
                "Write it into a recipe" if key == "extends" else "Set it whole: 'data.labels={0: 负面, 1: 正面}'"
            )
            self.faults.append(Fault(place, f"{key}: can't be set on the command line", next_step))
            return None
        try:
            document = parse(value, COMMAND_LINE)
        except LingyuError as error:
            self.faults.append(Fault(place, f"{key}: {value}: {error.what}", error.next))
            return None
        self.faults += [Fault(fault.place, f"{key}: {fault.what}", fault.next) for fault in document.faults]
        node = document.root
        for name in reversed(key.split(".")):
            node = MappingNode(place, {name: node})
        assert isinstance(node, MappingNode)
        return node


def merged(below: MappingNode, above: MappingNode, prefix: str = "") -> MappingNode:
    """Two trees as one: where both have a value, the upper one's."""
    entries = dict(below.entries)
    for key, node in above.entries.items():
        lower = entries.get(key)
        dotted = prefix + key
        if isinstance(lower, MappingNode) and isinstance(node, MappingNode) and dotted not in _WHOLE:
            node = merged(lower, node, f"{dotted}.")
        entries[key] = node
    return MappingNode(above.place, entries)


def _not_a_recipe(path: Path, root: Node) -> LingyuError:
    example = "Begin with name:, base:, task: and data:, or copy one of recipes/"
    if isinstance(root, ScalarNode) and root.value is None:
        return LingyuError("an empty file", where=path, next=example)
    if isinstance(root, ScalarNode) and "：" in root.text:
        example = "Write an ASCII colon and a blank (: ) in place of ："
    return LingyuError("not a mapping of keys", where=root.place, next=example)
