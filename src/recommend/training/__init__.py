"""Learning from judgements: the adapter of an encoder, the weights of the ranker."""
