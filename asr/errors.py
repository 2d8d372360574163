"""Errors that a user can cause and mend. Each message names the file or key, what was found, and what to do."""


class AsrError(Exception):
    """Base of everything the command line reports without a traceback."""


class AudioError(AsrError):
    """An audio file cannot be read, is cut off, or does not fit its use."""


class CorpusError(AsrError):
    """A corpus is missing, broken or not what its lock file says."""


class ManifestError(AsrError):
    """A manifest line is malformed."""


class RecipeError(AsrError):
    """A recipe key is unknown, of the wrong type or impossible."""


class TokenizerError(AsrError):
    """A text cannot be written in the tokenizer's alphabet."""


class BundleError(AsrError):
    """A model folder is incomplete, altered or of another format version."""


class TrainingError(AsrError):
    """Training cannot start or go on; names the step and the utterances."""


class DeviceError(AsrError):
    """The device asked for is not on this machine."""


class StorageError(AsrError):
    """A file cannot be written: disk full, no permission."""


class RunError(AsrError):
    """A run folder is missing, incomplete, or belongs to other settings."""


class AlignmentError(AsrError):
    """A text cannot be laid over its audio."""


class LanguageModelError(AsrError):
    """A language model, its text or its file cannot be used."""


class ConfidenceError(AsrError):
    """A confidence estimator, or the data to fit one, cannot be used."""


class EnsembleError(AsrError):
    """Recognisers cannot be taken together in this way."""


class PronunciationError(AsrError):
    """A pronunciation lexicon is missing or malformed, or lacks words."""


class KeyFileError(AsrError):
    """A file of keys is missing, malformed, open to others, or wants another passphrase."""


class SignatureError(AsrError):
    """Something cannot be signed, is not signed as was required, or its signatures cannot be read."""


class EncryptionError(AsrError):
    """A file cannot be encrypted or decrypted."""
