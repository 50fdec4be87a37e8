"""Speech emotion recognition from audio, text and wearables: two published systems, reproduced end to end."""

import signal
import sys
from pathlib import Path

if Path(sys.argv[0]).parent.name == "stages":  # an interrupt that comes while a stage still imports ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until emofuse.stage.run takes care of it
