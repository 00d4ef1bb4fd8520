"""What callers hear and read: catalogues per language, and values spoken and written properly."""
