"""Africa's Talking: SMS through their official SDK, made safe for bulk."""

from .sms import AfricasTalkingSms

__all__ = ["AfricasTalkingSms"]
