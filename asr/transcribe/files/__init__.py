"""Files of sound and of transcripts: which are meant, and what is written where and how."""
