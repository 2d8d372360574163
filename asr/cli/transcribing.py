"""The work of `asr transcribe`: names to sources, sources to transcripts, transcripts to the screen or to files."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from asr import numerics
from asr.audio import Track, shape_of
from asr.cli.arguments import workers_of
from asr.cli.ctc_alone import say_if_ctc_alone
from asr.cli.pace import Pace
from asr.cli.transcribe import is_alone
from asr.errors import AsrError, AudioError, StorageError
from asr.model.named import find_model
from asr.safety.opened import opened_model
from asr.transcribe.files.channels import Channels
from asr.transcribe.files.formats import FORMATS, Heard
from asr.transcribe.files.jobs import Job, Jobs
from asr.transcribe.files.names import STDIN, Named, count_listed, is_folder, is_glob, listed, named
from asr.transcribe.files.outputs import Outputs
from asr.transcribe.transcript import NO_CONFIDENCE, POSTERIOR, Found, Wanted

Sources = Iterator[str | Track | None]


class Transcribing:
    """One call of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        if options.ray and options.require_signature:
            raise AsrError(
                "--require-signature is for one machine: with --ray each reads the model by itself"
            )
        self._model = find_model(options.model)
        self._alone, self._each = is_alone(options), options.channels == "each"
        written = options.output is not None or options.beside
        self._outputs = Outputs(options.formats, options.output, options.overwrite) if written else None
        self._failures: list[AsrError] = []
        self._written, self._begin = 0, time.time()

    def run(self) -> int:
        """The exit status."""
        pace = Pace(self._total())
        if self._outputs is not None:
            self._outputs.prepare()
        with self._sound_of_stdin() as stdin:
            jobs = Jobs(self._names(), self._outputs, each=self._each, stdin=stdin)
            pace.measure(self._lengths(stdin))
            done = 0
            try:
                sources = self._begun(jobs.sources())
                if sources is not None:
                    with closing(self._transcripts(sources, pace)) as transcripts:
                        for found in transcripts:
                            if (job := jobs.put(found)) is not None:
                                done += 1
                                self._finish(job, pace)
            finally:
                pace.end()
                self._failures += jobs.refused
                self._report(done + len(jobs.refused) + jobs.done, jobs.done)
        if not done and not jobs.refused and not jobs.done:
            raise AsrError(f"--list {self._options.list}: no names in it; expected one a line")
        return 1 if self._failures else 0

    def _total(self) -> int:
        """Files; 0 where that is not known at once. Errors of a list show here."""
        files, path = self._options.files, self._options.list
        counted = 0 if path is None else count_listed(path)
        several = any(is_folder(file) or is_glob(file) for file in files)
        return 0 if counted is None or several or self._outputs is not None else len(files) + counted

    def _names(self) -> Iterator[Named | None]:
        lines = () if self._options.list is None else listed(self._options.list)
        return chain(named(self._options.files), (None if line is None else Named(line) for line in lines))

    def _lengths(self, stdin: Path | None) -> Iterator[float | None]:
        """Of all files that are to be heard; nothing where their names can be read only once."""
        path = self._options.list
        if path is not None and count_listed(path) is None:
            return
        for one in self._names():
            try:
                if one is None or (self._outputs is not None and not self._outputs.missing(one, self._begin)):
                    continue
                shape = shape_of(stdin if one.path == STDIN and stdin else one.path)
            except AsrError:
                yield 0.0
            else:
                tracks = shape.channels if self._each else 1
                yield shape.seconds and shape.seconds * tracks

    @contextmanager
    def _sound_of_stdin(self) -> Iterator[Path | None]:
        """In a file: sound has to be looked at from both ends, and other processes may read it."""
        if STDIN not in self._options.files:
            yield None
            return
        if sys.stdin is None or sys.stdin.isatty():
            raise AsrError("-: no sound on standard input; pipe a file into it")
        with tempfile.NamedTemporaryFile(prefix="asr-") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
            yield Path(copy.name)

    def _begun(self, sources: Sources) -> Sources | None:
        """The same ones; None where there are none, and nobody needs to load a model."""
        if self._outputs is None:
            return sources
        first = next((source for source in sources if source is not None), None)
        return None if first is None else chain([first], sources)

    def _transcripts(self, sources: Sources, pace: Pace) -> Generator[Found]:
        options, wanted = self._options, self._wanted()
        say_if_ctc_alone(options.model, wanted.engine, options.device, wanted.decoder)
        if options.ray:
            from asr.transcribe.cluster import transcribe_on_cluster

            found: Generator[tuple[Any, Found]] = transcribe_on_cluster(
                self._model, sources, actors=options.processes, device=options.device, wanted=wanted
            )
        elif options.processes:
            found = self._in_processes(sources, wanted)
        else:
            numerics.pin()
            from asr.transcribe.watched import WatchedTranscriber

            transcriber = WatchedTranscriber(
                options.model,
                device=options.device,
                **asdict(wanted),
                require_signature=options.require_signature,
                heard=pace.heard,
            )
            if options.stream:
                yield from (
                    self._streamed(transcriber, number, source, pace) for number, source in _numbered(sources)
                )
                return
            found = transcriber.many(sources, workers=workers_of(options))
        with closing(found):
            for _, one in found:
                yield one

    def _in_processes(self, sources: Sources, wanted: Wanted) -> Generator[tuple[Any, Found]]:
        from asr.transcribe.processes import transcribe_in_processes

        options = self._options
        # For all of them, those started anew among them.
        with opened_model(options.model, options.require_signature) as folder:
            yield from transcribe_in_processes(
                folder, sources, processes=options.processes, device=options.device, wanted=wanted
            )

    def _wanted(self) -> Wanted:
        confidence = self._options.confidence or ""
        if confidence not in ("", POSTERIOR, NO_CONFIDENCE):
            confidence = str(Path(confidence).absolute())
        return Wanted(
            # Of channels it takes words to tell what was said after what.
            words=any(FORMATS[name].needs_words for name in self._options.formats) or self._each,
            decoder=self._options.decoder,
            confidence=confidence,
            segmentation=self._options.segmentation,
            engine=self._options.engine,
        )

    def _streamed(self, transcriber: Any, number: int, source: str | Track, pace: Pace) -> Found:
        """Prints what is heard meanwhile."""
        recording, before = transcriber.recording(), "" if self._alone else f"{source}\t"
        for piece in transcriber.pieces(number, source):
            for _, log_probs in [] if piece.fault else transcriber.hear([piece]):
                for part in recording.add(piece, log_probs):
                    if part.text:
                        pace.clear()
                        print(before, part.text, sep="", end="", flush=True)
                        before = " "
            if piece.fault is not None:
                if before == " ":
                    print(flush=True)
                return AudioError(str(piece.fault))
        pace.clear()
        print("" if before == " " else before, flush=True)
        finished: Found = recording.finished()
        return finished

    def _finish(self, job: Job, pace: Pace) -> None:
        heard = job.heard
        if isinstance(heard, AudioError):
            self._failures.append(heard)
        elif heard is not None:
            if job.files and self._outputs is not None:
                self._write(job, heard, self._outputs)
            elif not self._options.stream:
                pace.clear()
                print(self._shown(job.named.path, heard), end="", flush=True)
        pace.show(
            0.0 if heard is None or isinstance(heard, AudioError) else heard.seconds, max(1, job.channels)
        )

    def _write(self, job: Job, heard: Heard, outputs: Outputs) -> None:
        try:
            outputs.write(job.files, job.named.path, heard)
        except StorageError as error:
            if not outputs.may_go_on(error):
                raise
            self._failures.append(error)
        else:
            self._written += 1

    def _shown(self, name: str, heard: Heard) -> str:
        (kind,) = self._options.formats
        if kind != "txt" or self._alone:
            return FORMATS[kind].write(name, heard)
        if isinstance(heard, Channels):
            return "".join(f"{name}\t{channel}\t{text}\n" for channel, text in heard.turns)
        return f"{name}\t{heard.text}\n"

    def _report(self, done: int, there: int) -> None:
        for failure in self._failures:
            print(f"asr: {failure}", file=sys.stderr)
        if self._failures and done > 1:
            print(f"asr: {len(self._failures)} of {done} files could not be transcribed", file=sys.stderr)
        if self._outputs is not None:
            had = f"; {there} had theirs already (--overwrite writes them anew)" if there else ""
            print(f"asr: transcripts of {self._written} files written{had}", file=sys.stderr)


def _numbered(sources: Sources) -> Iterator[tuple[int, str | Track]]:
    return enumerate(source for source in sources if source is not None)
