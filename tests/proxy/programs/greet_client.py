"""Reads a greeting by one read, and takes that for the whole of it: that is the bug."""
import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as stream:
    greeting = stream.recv(100)
    stream.sendall(b"bye\n")
    if not greeting.endswith(b"\n"):
        sys.exit(f"half a greeting: {greeting!r}")
