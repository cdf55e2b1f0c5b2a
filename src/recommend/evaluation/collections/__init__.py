"""Collections that others published, as articles and judgements: a module for each form they come in."""
