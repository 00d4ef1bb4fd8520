"""The caller record as it grows: the timeline, look-up, finding people, and what the index for finding costs."""
