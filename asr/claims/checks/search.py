"""Is the search of a record the one that its recipe asks for, chosen as it says, and the one in its bundle."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asr.claims.checks.corpus import read_part
from asr.claims.evidence import Evidence
from asr.claims.findings import Finding, NotChecked, contradiction, differences
from asr.decoding.rescoring import AttentionUsed
from asr.errors import BundleError
from asr.evaluation.tuning import Grid, Point, Surface
from asr.files import sha256_file
from asr.lm.text import sha256_of_text
from asr.recipe import Decoder
from asr.recipe_file import named_files
from asr.runs.record import Record, Searched
from asr.runs.search_used import digest_of_texts, missing_words, settings_of
from asr.text import normalise

if TYPE_CHECKING:
    from asr.decoding.lexicon import Lexicon

_FILE = "model/decoder.json"


def check_search(evidence: Evidence) -> Iterator[Finding]:
    """What was searched with is what the recipe says; of all that was tried on dev, it is the best."""
    record = evidence.need_record()
    yield from _names(record)
    wanted, search = record.recipe.decoder, record.search
    if (wanted.kind == "beam") != (search is not None):
        by = f'recipe.decoder.kind = "{wanted.kind}"'
        yield contradiction("search", "a search" if search else None, "a search" if not search else None, by)
    if search is None:
        return
    asked = _asked(wanted, search)
    found = _same_keys(search.model_dump(mode="json"), asked)
    for key, ours, theirs in differences(found, asked, "search"):
        yield contradiction(key, ours, theirs, "recipe.decoder")
    if search.hearings != wanted.hearings:
        yield contradiction("search.hearings", search.hearings, wanted.hearings, "recipe.decoder.hearings")
    yield from _same_attention(wanted, search)
    yield from _chosen(wanted, search)
    for key, part in (("language_model", search.language_model), ("lexicon", search.lexicon)):
        if (part is not None) != bool(getattr(wanted, key)):
            yield contradiction(
                f"search.{key}", part and part.source, getattr(wanted, key), f"recipe.decoder.{key}"
            )


def check_decoder(evidence: Evidence) -> Iterator[Finding]:
    """The bundle carries that search, with that language model and lexicon; what was made of train comes out of it."""
    record, folder = evidence.need_record(), evidence.need_folder()
    search = record.search
    for name in ("model.json", "weights.safetensors"):
        evidence.need_file(folder.bundle / name)
    from asr.decoding.bundled import LEXICON, load_decoder
    from asr.decoding.ngram_model import NgramModel
    from asr.decoding.settings_used import SettingsUsed
    from asr.model.bundle import load_bundle
    from asr.runs.searching import attention_used

    try:
        bundle = load_bundle(folder.bundle)
        if search is None:
            if bundle.description.decoder:
                yield contradiction("search", None, "a search", "model/model.json")
            return
        decoder = load_decoder(folder.bundle, bundle)
    except BundleError as error:
        yield Finding("invalid", _FILE, "", "", str(error).replace(f"{folder.path}/", ""))
        return
    assert decoder.settings is not None and decoder.engine != "auto"
    assert isinstance(decoder.model, NgramModel | None)
    carried = SettingsUsed.of(decoder.settings, decoder.engine, decoder.prior_weight)
    ours, theirs = (each.model_dump(mode="json") for each in (search.settings, carried))
    for key, found, expected in differences(ours, theirs, "search.settings"):
        yield contradiction(key, found, expected, _FILE)
    for key, found, expected in differences(search.hearings, decoder.hearings, "search.hearings"):
        yield contradiction(key, found, expected, _FILE)
    attention = attention_used(decoder)
    kept, carried_there = (
        each.model_dump(mode="json") if each else None for each in (search.attention, attention)
    )
    for key, found, expected in differences(kept, carried_there, "search.attention"):
        yield contradiction(key, found, expected, _FILE)
    priors = list(decoder.priors.values) if decoder.priors else []
    for key, found, expected in differences(search.priors, priors, "search.priors"):
        yield contradiction(key, found, expected, _FILE)
    digest = sha256_file(folder.bundle / LEXICON) if decoder.lexicon is not None else ""
    yield from _same_digest("lexicon", search.lexicon.sha256 if search.lexicon else "", digest)
    arpa = decoder.model.path if decoder.model else None
    model = search.language_model
    yield from _same_digest(
        "language_model", model.sha256 if model else "", sha256_of_text(arpa) if arpa else ""
    )
    if model is not None and decoder.model is not None and list(decoder.model.ngrams) != model.ngrams:
        yield contradiction("search.language_model.ngrams", model.ngrams, list(decoder.model.ngrams), _FILE)
    yield from _of_texts(evidence, search, decoder.lexicon)


def _names(record: Record) -> Iterator[Finding]:
    """Each file that the recipe names has its digest, and no other."""
    expected = sorted(set(named_files(record.recipe).values()))
    if sorted(record.named_files) != expected:
        yield contradiction("named_files", sorted(record.named_files), expected, "names in the recipe")


def _asked(wanted: Decoder, search: Searched) -> dict[str, Any]:
    """What the recipe fixes, by the keys of the record."""
    settings = settings_of(wanted)
    asked: dict[str, Any] = {
        "settings": {"lm_unit": settings.lm_unit, "unknown_score": settings.unknown_score}
    }
    if not wanted.tune:
        asked["settings"] |= {name: getattr(settings, name) for name in ("lm_weight", "word_score", "beam")}
        asked["settings"]["prior_weight"] = wanted.prior_weight
    if search.language_model and wanted.language_model:
        asked["language_model"] = {"source": wanted.language_model, "unit": wanted.unit}
    if search.lexicon and wanted.lexicon:
        asked["lexicon"] = {"source": wanted.lexicon, "open": wanted.open_lexicon}
    return asked


def _same_attention(wanted: Decoder, search: Searched) -> Iterator[Finding]:
    """The attention decoder had the say that the recipe gives it; a weight that was chosen is looked at later."""
    found = search.attention
    weight = (found.weight if found else 0.0) if wanted.tune else wanted.attention_weight
    asked = AttentionUsed(weight=weight, readings=wanted.attention_readings) if weight else None
    if found != asked:
        ours, theirs = (each.model_dump() if each else None for each in (found, asked))
        yield contradiction("search.attention", ours, theirs, "recipe.decoder")


def _same_keys(tree: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Of a tree the keys that the other one has."""
    return {
        key: _same_keys(tree[key], value) if isinstance(value, dict) else tree[key]
        for key, value in asked.items()
    }


def _chosen(wanted: Decoder, search: Searched) -> Iterator[Finding]:
    """The surface is the grid of the recipe, and the search has the weights of its best point."""
    points = tuple(Point(**point.model_dump()) for point in search.surface)
    if not wanted.tune:
        if points:
            yield contradiction("search.surface", len(points), 0, "recipe.decoder.tune = false")
        return
    tried, expected = [list(point.weights) for point in points], [list(each) for each in Grid.of(wanted)]
    if tried != expected:
        yield contradiction(
            "search.surface", len(tried), len(expected), "the lists of recipe.decoder, each pair once"
        )
        return
    if unlike := next(_of_another_rule(wanted, points), None):
        yield unlike
        return
    best = Surface(points, wanted.tune_by).best
    found = {**search.settings.model_dump(), "attention_weight": 0.0}
    if search.attention is not None:
        found["attention_weight"] = search.attention.weight
    for key, theirs in best.weights._asdict().items():
        if found[key] != theirs:
            by = "the best point of search.surface"
            name = "attention.weight" if key == "attention_weight" else f"settings.{key}"
            yield contradiction(f"search.{name}", found[key], theirs, by)
    if "dev" in search.results:
        result = search.results["dev"]
        for key, counts in (("word_errors", result.words), ("character_errors", result.characters)):
            errors = counts.substitutions + counts.deletions + counts.insertions
            if getattr(best, key) != errors:
                row = points.index(best)
                yield contradiction(
                    f"search.surface.{row}.{key}", getattr(best, key), errors, "search.results.dev"
                )


def _of_another_rule(wanted: Decoder, points: Sequence[Point]) -> Iterator[Finding]:
    """Points that have expected errors though they are not the rule, or lack them though they are."""
    need, by = wanted.tune_by == "expected", f'recipe.decoder.tune_by = "{wanted.tune_by}"'
    for row, point in enumerate(points):
        if (point.expected_errors is not None) != need:
            key = f"search.surface.{row}.expected_errors"
            yield contradiction(key, point.expected_errors, "a number" if need else None, by)


def _same_digest(key: str, found: str, expected: str) -> Iterator[Finding]:
    if found != expected:
        yield contradiction(
            f"search.{key}.sha256", found or None, expected or None, "the files of the bundle"
        )


def _of_texts(evidence: Evidence, search: Searched, lexicon: "Lexicon | None") -> Iterator[Finding]:
    """What the texts of the manifests, read once, say of the language model and the lexicon."""
    recipe = evidence.need_record().recipe
    parts = {name: read_part(evidence, name) for name in ("train", "dev", "test")}
    texts = {
        name: [normalise(utterance.text, recipe.text) for utterance in part]
        for name, part in parts.items()
        if not isinstance(part, Finding)  # check_manifests has it
    }
    if len(texts) == len(parts):
        yield from _seen(search, lexicon, texts)
    if "train" in {used.source for used in (search.language_model, search.lexicon) if used}:
        if isinstance(train := parts["train"], Finding):
            raise NotChecked(f"{train.what}: {train.message}")
        yield from _made_of_train(search, lexicon, texts["train"])


def _made_of_train(search: Searched, lexicon: "Lexicon | None", texts: Sequence[str]) -> Iterator[Finding]:
    """The texts of the training part are those that the language model and the lexicon were made of."""
    model = search.language_model
    if model is not None and model.source == "train":
        found = {"sha256": digest_of_texts(texts), "sentences": sum(bool(text) for text in texts)}
        claimed = [each.model_dump(mode="json") for each in model.texts]
        for key, ours, theirs in differences(
            claimed, [{"name": "train", **found}], "search.language_model.texts"
        ):
            yield contradiction(key, ours, theirs, "manifests/train.jsonl")
    if search.lexicon is not None and lexicon is not None and search.lexicon.source == "train":
        said = {word for text in texts for word in text.split()}
        if strange := sorted(lexicon.words - said):
            message = f"has {len(strange)} words that no training text has: {', '.join(strange[:5])}"
            yield Finding("inconsistent", "model/lexicon.txt", "", "", message)
        elif (left_out := len(said - lexicon.words)) != search.lexicon.left_out:
            yield contradiction(
                "search.lexicon.left_out", search.lexicon.left_out, left_out, "manifests/train.jsonl"
            )


def _seen(
    search: Searched, lexicon: "Lexicon | None", texts: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """How much of dev and test the lexicon lacks, and a model of the training texts has seen."""
    if search.lexicon is not None and lexicon is not None:
        claimed = {"words": search.lexicon.words, "missing": search.lexicon.missing}
        counted = {"words": lexicon.size, "missing": missing_words(lexicon.words, texts)}
        for key, ours, theirs in differences(claimed, counted, "search.lexicon"):
            yield contradiction(key, ours, theirs, "model/lexicon.txt and the manifests")
    model = search.language_model
    if model is not None and model.source == "train":
        known = {text for text in texts["train"] if text}
        shared = {part: sum(text in known for text in texts[part]) for part in ("dev", "test")}
        for key, ours, theirs in differences(model.shared, shared, "search.language_model.shared"):
            yield contradiction(key, ours, theirs, "the texts of the manifests")
