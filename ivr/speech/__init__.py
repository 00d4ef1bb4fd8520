"""Speech: voices, the cache of rendered audio, and the admin's recordings."""
