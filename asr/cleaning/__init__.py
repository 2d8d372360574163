"""Faults of a corpus: found, shown with their evidence, and left out of or mended in a copy of its manifests.

asr.cleaning.check     everything below, for some manifests at once
asr.cleaning.sound     what one piece of audio is like; in processes, kept from one time to the next
asr.cleaning.copies    the same recording twice: at another level, with other edges, coded otherwise
asr.cleaning.texts     characters, markup, numbers, too much text for the audio
asr.cleaning.heard     texts that are not what a model hears
asr.cleaning.shared    what the parts of a corpus have in common
asr.cleaning.fix       cleaned manifests
"""
