"""Who says that a model or a run is theirs, and who may read a file: signatures and encryption, all of it offline."""
