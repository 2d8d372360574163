"""The best recipe of a study, as a file that `asr run` takes."""

import json

from asr.recipe import Recipe
from asr.recipe_file import to_toml
from asr.tuning.record import Trial
from asr.tuning.search import Study


def best_recipe(study: Study, trial: Trial) -> Recipe:
    """With the first of the seeds: its run repeats that training of the trial."""
    return study.recipe_of(trial.values)


def best_toml(study: Study, trial: Trial, trials: int) -> str:
    """The recipe whole, every default included, below a comment that says where it comes from."""
    seeds = study.search.seeds
    of = f"mean of seeds {', '.join(map(str, seeds))}" if len(seeds) > 1 else f"seed {seeds[0]}"
    assert trial.wer is not None
    lines = [
        f"Made by `asr tune`: trial {trial.number} of {trials} of the study {study.recipe.name} "
        f"({study.digest()[:16]}).",
        f"WER {trial.wer:.2%} on the development part ({of}), the best of all trials: it flatters.",
        "The test part was not read.",
        "What was searched, and what was best:",
        *(f"    {key} = {json.dumps(value)}" for key, value in trial.values.items()),
    ]
    return "".join(f"# {line}\n" for line in lines) + "\n" + to_toml(best_recipe(study, trial))
