"""From candidates to the box: features, scores, what may be shown, reasons."""
