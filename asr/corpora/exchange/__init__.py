"""Recordings in the formats of other programs: read into utterances, and written from them."""

from asr.corpora.exchange.form import Form, Imported, Options
from asr.corpora.exchange.forms import FORMS, get_form

__all__ = ["FORMS", "Form", "Imported", "Options", "get_form"]
