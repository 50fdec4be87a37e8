"""Imported first by the server that local workers are forked from: the kernel ends it with the stage, even while it imports PyTorch."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
