"""Small invented corpora, written once for all tests of this folder."""

from pathlib import Path

import pytest

from emofuse import params
from emofuse.toy import iemocap, msp_podcast

MSP_SIZES = params.ToyMSPPodcast(train=20, dev=6, test1=6, test2=2)
IEMOCAP_SIZES = params.ToyIEMOCAP(utterances_per_speaker=5)


@pytest.fixture(scope="session")
def msp_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("msp") / "msp_podcast"
    msp_podcast.write(root, 3, MSP_SIZES)
    return root


@pytest.fixture(scope="session")
def iemocap_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("iemocap") / "iemocap"
    iemocap.write(root, 3, IEMOCAP_SIZES)
    return root
