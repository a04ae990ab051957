"""Tasks that are programs: `shell`."""
