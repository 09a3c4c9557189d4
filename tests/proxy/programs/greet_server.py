"""Greets each who comes, and says good-bye."""
import socket
import sys

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    stream, _ = server.accept()
    with stream:
        try:
            stream.sendall(b"welcome to the greeter\n")
            stream.recv(16)
            stream.sendall(b"good-bye\n")
        except OSError:
            pass
