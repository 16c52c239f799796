"""Files that are whole or absent: atomic writes, manifests, run folders, locks."""
