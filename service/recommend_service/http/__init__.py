"""What routes share: parameters, bodies, problems, who may do what."""
