"""Calls to libraries that keep state between calls: each call runs in a forked child, so its result depends on its argument alone.

Workers run in parallel and fork once per item. What ``prepare`` loads in a worker is shared with its children and stays as it was loaded.
"""

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from tqdm import tqdm

from emofuse.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    title: str | None,
    prepare: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yield ``function`` of each item in order, each from a child of its own; with a title, with progress on a terminal.

    ``function`` is a module's own (it is pickled by name), ``prepare`` may be any. What a child raises is raised here.
    """
    if not items:
        return
    with ProcessPoolExecutor(min(jobs, len(items)), mp_context=get_context("fork"), initializer=prepare) as pool:
        try:
            hidden = None if title else True  # None: shown on a terminal only
            yield from tqdm(pool.map(partial(in_child, function), items), title, total=len(items), unit="utterance", disable=hidden)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def in_child(function: Callable[[Item], Result], item: Item) -> Result:
    """``function(item)`` computed in a forked child; raises what it raises, and InputError naming the item where the child dies."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(_outcome(function, item))
            code = 0
        finally:
            os._exit(code)  # no exit handlers of the parent
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code or not data:
        raise InputError(
            f"{item!r}: expected a result of {function.__module__}.{function.__qualname__}, its process died with code {code}; run it again"
        )
    result, error = pickle.loads(data)
    if error is not None:
        raise error
    outcome: Result = result
    return outcome


def _outcome(function: Callable[[Item], Result], item: Item) -> bytes:
    try:
        return pickle.dumps((function(item), None))
    except Exception as error:
        return pickle.dumps((None, error))
