"""The door to dbt: nothing behind it is imported before someone needs it, and at most one session is open."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penstock.app.settings import Settings

if TYPE_CHECKING:
    from penstock.dbt.nodes import NodeRunner
    from penstock.dbt.session import DbtSession


class DbtGateway:
    """Opens a dbt session when first asked; the same one serves parsing, compiling and running."""

    def __init__(
        self, settings: Settings, show: Callable[[str], None], *, full_refresh: bool = False, store_failures: bool = False
    ) -> None:
        self._settings = settings
        self._show = show
        self._full_refresh = full_refresh
        self._store_failures = store_failures
        self._session: DbtSession | None = None
        self._nodes: NodeRunner | None = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether a session is open."""
        return self._session is not None

    def parse(self) -> None:
        """Make dbt write the manifest anew."""
        self.session()

    def session(self) -> DbtSession:
        """Return the session, opening it if need be."""
        with self._lock:
            if self._session is None:
                with _rare_collector():
                    from penstock.dbt.session import DbtOptions, DbtSession

                    place = self._settings.place
                    options = DbtOptions(
                        project_dir=self._settings.project_dir,
                        profiles_dir=self._settings.profiles_dir,
                        target_path=self._settings.work,
                        target=place.target or self._settings.file.target,
                        profile=place.profile,
                        vars=place.vars,
                        threads=self._settings.threads,
                        full_refresh=self._full_refresh,
                        store_failures=self._store_failures,
                    )
                    self._session = DbtSession(options, self._show)
            return self._session

    def nodes(self) -> NodeRunner:
        """Return what runs nodes in the session."""
        session = self.session()
        with self._lock:
            if self._nodes is None:
                from penstock.dbt.nodes import NodeRunner

                self._nodes = NodeRunner(session)
            return self._nodes

    def compile(self, key: str) -> str:
        """Return the compiled query of a node."""
        return self.session().compile(key)

    def prepare(self, keys: Sequence[str]) -> None:
        """Prepare schemas and relation cache for the nodes that will run."""
        self.session().prepare(keys)

    def cancel(self) -> None:
        """Interrupt what dbt runs now."""
        if self._session is not None:
            self._session.cancel()

    def close(self) -> None:
        """Close the session, if one is open."""
        if self._session is not None:
            self._session.close()
            self._session = None
            self._nodes = None


@contextmanager
def _rare_collector() -> Iterator[None]:
    """Importing and parsing make a million objects that all stay: collecting as often as usual costs a fifth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
    gc.freeze()  # out of the collector's sight until the process ends, where the command line thaws it
