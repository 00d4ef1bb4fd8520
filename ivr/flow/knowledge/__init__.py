"""The knowledge base: articles in files beside the flows, and finding the one that answers somebody's words. Pure."""
