"""What is learnt without labels (paper B §3.1 and §3.2): contrast between two views of a window, statistics of masked signals."""
