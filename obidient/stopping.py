"""Whether this process has been told to stop: no new provider call begins after that."""

import threading

stopping = threading.Event()
