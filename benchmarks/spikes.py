"""Do models that were trained apart hear a token in the same frame? Where not, an average of their log-probs loses it.

    python benchmarks/spikes.py runs/phones-1 runs/phones-2 runs/phones-3 --manifest runs/phones-1/manifests/dev.jsonl

reads utterances greedily with each model; of every two models that read the same tokens in one, it counts by how many
frames the beginnings of their tokens are apart.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from asr import numerics


def apart(readings: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Counter[int]:
    """How many tokens begin so many frames apart, over all pairs of readings of one utterance that are alike.

    Args:
        readings: of each model, its tokens and the first frame of each.
    """
    found: Counter[int] = Counter()
    for (tokens, frames), (others, other_frames) in combinations(readings, 2):
        if tuple(tokens) == tuple(others):
            found.update(abs(one - other) for one, other in zip(frames, other_frames, strict=True))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="runs or bundles with the same tokens and pace")
    parser.add_argument("--manifest", type=Path, required=True, help="utterances, JSON Lines")
    options = parser.parse_args()
    numerics.pin()
    from asr.audio import read_audio
    from asr.ensemble.averaging import Likeness
    from asr.ensemble.members import Member
    from asr.manifest import read_manifest
    from asr.model.named import find_model

    members = [Member.of(each, find_model(each), "greedy", "none") for each in options.models]
    Likeness.of(options.models, [member.described for member in members])  # refuses others
    found: Counter[int] = Counter()
    for utterance in read_manifest(options.manifest):
        audio = read_audio(
            utterance.audio_filepath,
            offset=utterance.offset,
            duration=utterance.duration,
            sample_rate=members[0].sample_rate,
        )
        found += apart([_heard(member, audio.samples) for member in members])
    total = sum(found.values())
    shares = {frames: round(count / total, 4) for frames, count in sorted(found.items())}
    print(json.dumps({"tokens": total, "share_by_frames_apart": shares}))


def _heard(member, samples):  # type: ignore[no-untyped-def]
    result = member.interpreter.reader(member.hear(samples))
    return result.best.tokens, result.best.frames


if __name__ == "__main__":
    main()
