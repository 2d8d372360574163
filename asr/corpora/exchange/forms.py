"""The formats by name."""

from asr.corpora.exchange.folder import FOLDER
from asr.corpora.exchange.form import Form
from asr.corpora.exchange.huggingface import HUGGINGFACE
from asr.corpora.exchange.kaldi import KALDI
from asr.corpora.exchange.lhotse import LHOTSE
from asr.corpora.exchange.nemo import NEMO
from asr.corpora.exchange.table import TABLE
from asr.errors import CorpusError

FORMS = {form.name: form for form in (FOLDER, TABLE, KALDI, NEMO, HUGGINGFACE, LHOTSE)}


def get_form(name: str) -> Form:
    """The format called `name`.

    Raises:
        CorpusError: there is none; the message lists the known ones.
    """
    if name not in FORMS:
        raise CorpusError(f"no format is called {name!r}; known are {', '.join(FORMS)}")
    return FORMS[name]
