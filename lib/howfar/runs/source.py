"""Which code a result depends on: a hash of what its experiment imports, so that an edit elsewhere changes nothing."""

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

import howfar
from howfar import experiments

RULE = "3"  # which hashing rule; hashes without a rule are of the first one, over every file of the library
# Their __init__ only gathers names, and importing below them depends on no other: a new task changes no old experiment.
GATHER = ("howfar", "howfar.experiments", "howfar.tasks", "howfar.training")
SHOW = ("howfar.plotting", "howfar.progress", "howfar.tables", "howfar.widgets")  # change what is seen, no record


@functools.cache
def source_hash(experiment):
    """A hash of an experiment's code and of all that it imports from the library and from its own folder.

    Parameters
    ----------
    experiment : str
        As in `howfar.experiments.find`.

    Returns
    -------
    str
        The hashing rule and 12 hexadecimal digits: ``"3:0123456789ab"``. Comments, layout, docstrings and modules that
        only show things don't count.

    Notes
    -----
    Imports are read from the source, those within functions too. What is imported under a computed name is missed.
    """
    digest = hashlib.sha256()
    for name, path in sorted(imported_modules(experiment).items()):
        digest.update(repr((name, _shape(ast.parse(path.read_bytes())))).encode())
    return f"{RULE}:{digest.hexdigest()[:12]}"


def differ(source, other):
    """Whether two hashes are known to be of different code: not if they were made by different rules."""
    return source != other and source.partition(":")[0] == other.partition(":")[0]


def imported_modules(experiment):
    """The files that an experiment's records can depend on: a dict of paths by the modules' dotted names."""
    module = experiments.find(experiment)
    roots = _roots(module)
    found, todo = {}, [module.__name__]
    while todo:
        name = todo.pop()
        path = _path(roots, name)
        if name in found or name in SHOW or path is None:
            continue
        found[name] = path
        parents = [name[:i] for i, letter in enumerate(name) if letter == "."]
        todo += [parent for parent in parents if parent not in GATHER]
        targets = [target for target in _imports(name, path) if target != ("howfar", "__version__")]  # records name it
        todo += [_owner(roots, *target) for target in targets]
    return found


def _roots(module):
    """Where top-level names are looked up: {name: folder}, None for all names that aren't listed."""
    roots = {"howfar": Path(howfar.__file__).parents[1]}
    parts = module.__name__.split(".")
    path = Path(module.__file__)
    own = path.parents[len(parts) if path.name == "__init__.py" else len(parts) - 1]
    roots.setdefault(parts[0], own)
    if parts[0] != "howfar" and not {"site-packages", "dist-packages"} & set(own.parts):
        roots[None] = own  # files beside the experiment; those beside an installed one belong to others
    return roots


def _path(roots, name):
    """The file of a module, or None if it is neither the library's nor the experiment's own."""
    top = name.partition(".")[0]
    root = roots.get(top, roots.get(None))
    if root is None:
        return None
    base = root.joinpath(*name.split("."))
    return next((p for p in (base / "__init__.py", base.with_suffix(".py")) if p.is_file()), None)


def _imports(name, path):
    """(module, name in it or None) for every import in a file."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
                if not alias.asname:  # `import howfar.tasks` binds howfar, and everything can be reached through it
                    yield alias.name.partition(".")[0], None
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((importlib.util.resolve_name(base, package), alias.name) for alias in node.names)


def _owner(roots, module, name):
    """The module that an import is about: ``from howfar import table`` is about howfar.tables, not all of howfar."""
    if name is None:
        return module
    if _path(roots, f"{module}.{name}"):
        return f"{module}.{name}"
    if module in GATHER:
        path = _path(roots, module)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == name for a in node.names):
                return importlib.util.resolve_name("." * node.level + (node.module or ""), module)
    return module


def _shape(node):
    """A syntax tree as nested tuples: without positions, docstrings and empty fields, which differ between Pythons."""
    if isinstance(node, list):
        return tuple(_shape(item) for item in node)
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
        fields["body"] = node.body[1:]
    kept = {key: value for key, value in fields.items() if key != "kind" and value is not None and value != []}
    return (type(node).__name__, *((key, _shape(value)) for key, value in kept.items()))
