"""Imported last by the server that local workers are forked from: it notes which code that server has loaded."""

from emofuse.runners.errands import loaded_code

loaded_code()
