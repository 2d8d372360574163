"""Bars on the terminal for commands that go through stages one after the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]  # (what, done, total)


@contextmanager
def stage_bars() -> Iterator[Progress]:
    """A bar for each stage, on a terminal; nothing where output goes to a file."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    with Bar(console=console, transient=True) as bar:
        tasks = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=total or None)  # 0 is unknown

        yield show
