"""A copy of the package in which sources are changed, for builds of their own."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
# All that the tests look at.
COPIED = ["Package.swift", "Sources", "Tests", "Examples", "Benchmarks", "Scripts", ".github", "FORMAT.md", "README.md"]


def bring_up_to_date(copy, texts):
    """Makes `copy` the package as it is, with `texts` (by path) in the place of its files or beside them.

    Files that stay the same are not written again, so that a build in the copy compiles what has changed.
    """
    contents = {}
    for top in COPIED:
        for source in [ROOT / top, *(ROOT / top).rglob("*")]:
            path = source.relative_to(ROOT)
            if source.is_file() and not any(part.startswith(".build") for part in path.parts):
                contents[path] = source.read_bytes()
    contents |= {pathlib.Path(path): text.encode() for path, text in texts.items()}
    for path, content in contents.items():
        target = copy / path
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for top in COPIED:
        for old in (copy / top).rglob("*"):
            if old.is_file() and old.relative_to(copy) not in contents:
                old.unlink()
