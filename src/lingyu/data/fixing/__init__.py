"""From the findings of an audit to a list that a person edits, and from that to mended files, losing nothing."""
