"""Africa's Talking: SMS and voice through their official SDK, made safe for bulk."""

from .sms import AfricasTalkingSms
from .voice import AfricasTalkingVoice

__all__ = ["AfricasTalkingSms", "AfricasTalkingVoice"]
