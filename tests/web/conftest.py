from tests.twilio.conftest import logged, phone_line

__all__ = ["logged", "phone_line"]
