"""Which packages are installed; everything else is in pyproject.toml.

`data/` lies beside the package in the source tree and inside it (`asr/data`) once installed, where
`asr.corpora.reading.data_file` looks for it. pyproject.toml can either find packages or list them, not both, and
a list would go stale with the next package.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["asr", "asr.*"]), "asr.data"],
    package_dir={"asr.data": "data"},
    package_data={
        "asr": ["py.typed"],
        "asr.data": ["*"],
        "asr.serve": ["page/**"],
        "asr.export": ["page/**"],
    },
)
