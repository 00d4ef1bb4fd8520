from tests.valkey import redis_url, valkey

__all__ = ["redis_url", "valkey"]
