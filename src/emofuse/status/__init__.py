"""What a person sees of the runs: which params.yaml asks for, which are done, running, failed or left, how long it may take."""
