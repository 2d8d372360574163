"""The recipe: everything that a run depends on besides the corpus and the code, as checked, frozen data.

How it is read from TOML is in asr.recipe_file.
"""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]


class Frozen(BaseModel):
    """Strict, immutable, closed: what is not named here is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Corpus(Frozen):
    """Which corpus, and how its training part is split. The test part is the corpus's own."""

    name: str  # a reader in asr.corpora
    dev_speakers: Count = 0  # whole speakers of the training part held out as development data
    dev_utterances: Count = 0  # for a corpus with one speaker: utterances held out instead
    split_key: str = "dev"  # another key draws other development speakers
    min_seconds: Annotated[float, Field(ge=0)] = 0.1  # shorter utterances are left out, and named
    max_seconds: Annotated[float, Field(gt=0)] = 30.0  # longer ones likewise
    waive: tuple[
        Literal["audio", "texts", "speakers"], ...
    ] = ()  # what the test part may share with the others

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_seconds >= self.max_seconds:
            raise ValueError(
                f"need min_seconds < max_seconds, got {self.min_seconds:g} and {self.max_seconds:g}"
            )
        if (self.dev_speakers > 0) == (self.dev_utterances > 0):
            raise ValueError(
                "set exactly one of dev_speakers and dev_utterances to 1 or more: development data "
                "decides the learning, so there must be some"
            )
        return self


class Tokenizer(Frozen):
    """Output units: characters, subwords (a SentencePiece unigram model of the training texts), or phones."""

    kind: Literal["characters", "subwords", "phones"] = "characters"  # of token
    size: Count = 0  # pieces, for subwords
    alphabet: str = ""  # the only characters that a training text may have; "" takes what they have
    pronunciations: str = ""  # for phones: "corpus" (its own), "cmudict", or a file beside the recipe
    stress: bool = False  # for phones: keep the digits of stress (AH0, AH1, AH2)
    prefer: dict[str, str] = Field(
        default_factory=dict
    )  # for phones: of words with several pronunciations, the one to train on, unless it is the first
    boundaries: bool = True  # for phones: a token between words

    @model_validator(mode="after")
    def _subwords_need_a_size(self) -> Self:
        if self.kind == "subwords" and self.size < 8:
            raise ValueError(f"subwords need size = 8 or more, got {self.size}")
        if self.kind != "subwords" and self.size:
            raise ValueError(
                "size is for subwords only; characters and phones are those of the training texts"
            )
        return self

    @model_validator(mode="after")
    def _phones_need_pronunciations(self) -> Self:
        if self.kind != "phones":
            if self.pronunciations or self.stress or self.prefer or not self.boundaries:
                raise ValueError('pronunciations, stress, prefer and boundaries are for kind = "phones" only')
            return self
        if not self.pronunciations:
            raise ValueError('phones need pronunciations = "corpus", "cmudict" or a file beside the recipe')
        if self.alphabet:
            raise ValueError(
                "alphabet is for characters and subwords; phones are those of the pronunciations"
            )
        if self.pronunciations.startswith(("/", "~")):
            raise ValueError(
                "pronunciations is a path relative to the recipe, as a record holds no places of a machine"
            )
        return self


class FrontEnd(Frozen):
    """Waveform to features. Travels with every model: weights are useless without it."""

    kind: Literal["log-mel", "mfcc"] = "log-mel"  # energies of mel bands, or cepstra made from them
    sample_rate: Positive = 16_000  # Hz
    window: float = 0.025  # seconds
    hop: float = 0.010  # seconds
    mels: Positive = 80  # bands
    coefficients: Positive = 40  # cepstra, for MFCC only
    low: Annotated[float, Field(ge=0)] = 20.0  # Hz, lower edge of the first mel band
    high: Annotated[float, Field(ge=0)] = 0.0  # Hz, upper edge of the last; 0 is half the sample rate
    pre_emphasis: Annotated[float, Field(ge=0, lt=1)] = 0.97  # share of the last sample that is taken off
    floor: Annotated[float, Field(ge=1e-30)] = 1e-10  # power below which the logarithm is cut
    normalise: Literal["utterance", "none"] = "utterance"  # mean 0, variance 1 in each band

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not 0 < self.hop <= self.window:
            raise ValueError(f"need 0 < hop <= window, got {self.hop} s and {self.window} s")
        if self.hop_samples < 1 or self.window_samples < 2:
            raise ValueError(
                f"at {self.sample_rate} Hz the window needs 2 samples and the hop 1, "
                f"got {self.window_samples} and {self.hop_samples}"
            )
        if not self.low < self.upper_edge <= self.sample_rate / 2:
            raise ValueError(
                f"need low < high <= {self.sample_rate / 2:g} Hz (half the sample rate), "
                f"got {self.low:g} and {self.upper_edge:g}"
            )
        if self.kind == "mfcc" and self.coefficients > self.mels:
            raise ValueError(f"need coefficients <= mels, got {self.coefficients} and {self.mels}")
        return self

    @property
    def upper_edge(self) -> float:
        """Hz."""
        return self.high or self.sample_rate / 2

    @property
    def window_samples(self) -> int:
        return round(self.window * self.sample_rate)

    @property
    def hop_samples(self) -> int:
        return round(self.hop * self.sample_rate)

    @property
    def features(self) -> int:
        """Values in a frame."""
        return self.coefficients if self.kind == "mfcc" else self.mels


class Convolution(Frozen):
    """One two-dimensional convolution: time first, frequency second."""

    channels: Positive  # planes of output
    kernel: tuple[Positive, Positive] = (3, 3)  # frames, bands; odd
    stride: tuple[Positive, Positive] = (1, 1)  # frames, bands: what one step of the output is worth

    @model_validator(mode="after")
    def _odd_kernel(self) -> Self:
        if any(size % 2 == 0 for size in self.kernel):
            raise ValueError(f"kernel sizes must be odd so that frames stay centred, got {list(self.kernel)}")
        return self


class Model(Frozen):
    """Acoustic model: convolutions, projection, recurrent layers, output layer."""

    convolutions: tuple[Convolution, ...] = (
        Convolution(channels=32, stride=(2, 2)),
        Convolution(channels=32, stride=(1, 2)),
    )
    projection: Positive = 256  # values a frame going into the recurrent layers
    layers: Positive = 3  # recurrent ones
    hidden: Positive = 256  # LSTM units in each direction
    bidirectional: bool = True  # false: each layer hears the past alone
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2  # before every recurrent layer and the output layer
    intermediate_loss: Annotated[float, Field(ge=0, lt=1)] = 0.0  # weight of a CTC loss on the middle layer


class SpecAugment(Frozen):
    """Masks over features in training (Park et al., 2019); 0 masks switch it off."""

    frequency_masks: Count = 2  # an utterance
    frequency_share: Share = 0.25  # widest mask, of all bands
    time_masks: Count = 2  # an utterance
    time_share: Share = 0.15  # widest mask, of the utterance's frames
    time_seconds: Annotated[float, Field(ge=0)] = 0.4  # and never wider than this


class Augment(Frozen):
    """Changes to waveforms in training."""

    speed: tuple[Annotated[float, Field(gt=0.4, lt=2.5)], ...] = (0.9, 1.0, 1.1)  # one is drawn an utterance
    noise_probability: Share = 0.0  # share of utterances with noise added
    noise_snr: tuple[float, float] = (10.0, 30.0)  # dB, drawn evenly in between

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.speed:
            raise ValueError("speed needs one factor or more; [1.0] leaves the speed as it is")
        if self.noise_snr[0] > self.noise_snr[1]:
            raise ValueError(f"noise_snr is [low, high] in dB, got {list(self.noise_snr)}")
        return self


class Train(Frozen):
    """How the model learns."""

    epochs: Positive = 50  # at most
    patience: Count = 0  # epochs without a better development result before stopping; 0 never stops early
    utterances: Positive = 8  # in a micro-batch, at most
    seconds: Annotated[float, Field(gt=0)] = 120.0  # of padded audio in a micro-batch, at most
    micro_batches: Positive = 2  # in a step, whatever the number of workers
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3  # at its peak
    warm_up: Share = 0.1  # share of all steps in which the rate rises; then it falls as a half cosine
    final_rate: Share = 0.01  # share of the peak that is left at the end
    weight_decay: Annotated[float, Field(ge=0)] = 0.01  # of AdamW; of weights alone
    betas: tuple[Decay, Decay] = (0.9, 0.98)  # AdamW's memory of gradients and of their squares
    clip: Annotated[float, Field(gt=0)] = 1.0  # largest norm of the gradient of the loss in nats a token
    averaging: Decay = 0.998  # decay of the moving average of weights; 0: none
    consistency: Annotated[float, Field(ge=0)] = 0.0  # weight of agreement between two maskings; 0: one
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 60.0  # of work lost at most by a killed process
    digest_every: Positive = 50  # steps between digests of weights, optimiser and cursor in the record
    keep_checkpoints: Count = 3  # spread over the epochs and kept with the run, for audits of a part of it


class Decoder(Frozen):
    """How dev and test are read besides greedily: by a beam search (docs/decoding.md). Learning does not depend on it.

    A file is named as it is found from the recipe file; `--files` names other folders to look in.
    """

    kind: Literal["greedy", "beam"] = "greedy"  # greedy: no search, the other keys say nothing
    beam: Positive = 50  # prefixes kept after a frame
    language_model: str = ""  # "train": of the training texts; or a text or an ARPA file; "": none
    unit: Literal["word", "character"] = "word"  # what the language model predicts
    order: Count = 0  # length of the longest n-grams of a model that is made here; 0: 3 words, 6 characters
    lexicon: str = ""  # "train": words of the training texts; "model": of the model; or a file; "": none
    open_lexicon: bool = False  # let words be found that the lexicon does not have
    unknown_score: float = -10.0  # nats added for each word that neither lexicon nor language model has
    lm_weight: Weight = 0.5  # of the language model's log-prob
    word_score: float = 0.0  # nats added for each known word
    prior_weight: Weight = 0.0  # of the log-prob of each token on the whole, taken off before the search
    tune: bool = False  # choose the weights and the beam on the development part, from these lists
    lm_weights: tuple[Weight, ...] = (0.25, 0.5, 0.75, 1.0, 1.5)  # tried for lm_weight
    word_scores: tuple[float, ...] = (0.0, 1.0, 2.0)  # tried for word_score
    prior_weights: tuple[Weight, ...] = (0.0, 0.3)  # tried for prior_weight
    beams: tuple[Positive, ...] = ()  # tried for beam; [] tries that one alone

    @model_validator(mode="after")
    def _possible(self) -> Self:
        # Weights are not looked at: a record has them all, and their defaults may be others one day.
        given = [key for key in ("language_model", "lexicon", "open_lexicon", "tune") if getattr(self, key)]
        if self.kind == "greedy" and given:
            raise ValueError(
                f'{given[0]} is for a search: set kind = "beam", or leave it out (--set decoder={{}} leaves out all)'
            )
        for key in ("language_model", "lexicon"):
            if getattr(self, key).startswith(("/", "~")):
                raise ValueError(
                    f"{key}: a place on one machine; give the file's name, its folder by --files"
                )
        if self.open_lexicon and not self.lexicon:
            raise ValueError("open_lexicon needs a lexicon; without one any word can be found")
        if self.lexicon == "model" and (not self.language_model or self.unit != "word"):
            raise ValueError('lexicon = "model" needs a language_model of words')
        if self.order and not self.language_model:
            raise ValueError("order is that of a language model; name one with language_model")
        if self.tune and not (self.language_model or self.lexicon):
            raise ValueError("tune chooses the weights of a language model or a lexicon; name one")
        for key in ("lm_weights", "word_scores", "prior_weights", "beams"):
            tried = getattr(self, key)
            if len(set(tried)) < len(tried) or not (tried or key == "beams"):
                raise ValueError(f"{key} needs one value or more, each once, got {list(tried)}")
        return self


class Score(Frozen):
    """How the result is stated."""

    bootstrap: Positive = 10_000  # samples for the 95 % interval
    batch_utterances: Positive = 16  # decoded together, at most
    batch_seconds: Annotated[float, Field(gt=0)] = 240.0  # of padded audio decoded together, at most
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.01  # WERs that differ by less (a ratio) are equivalent


class Numerics(Frozen):
    """How floating-point arithmetic is pinned down (docs/ladder.md)."""

    determinism: Literal["strict", "off"] = "strict"  # off: libraries choose, and bits cannot be repeated
    instructions: Literal["auto", "AVX2", "AVX512"] = "auto"  # of x86-64; auto: AVX512 if there, else AVX2


class Recipe(Frozen):
    """A run, whole. `asr run` writes it back with every default, so the record alone re-runs it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]  # names the run folder
    seed: Count = 1  # another one draws other weights, batches and augmentation
    corpus: Corpus
    text: Literal["plain-1"] = "plain-1"  # version of the text normaliser
    tokenizer: Tokenizer = Tokenizer()
    front_end: FrontEnd = FrontEnd()
    spec_augment: SpecAugment = SpecAugment()
    augment: Augment = Augment()
    model: Model = Model()
    train: Train = Train()
    decoder: Decoder = Decoder()
    score: Score = Score()
    numerics: Numerics = Numerics()

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of every key."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
