"""A chat whose members join, say that they are there, ask who is, and leave. Who does not say good-bye is never forgotten:
that is the bug."""
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[1])))
members = set()
while True:
    message, peer = server.recvfrom(1024)
    word, name = message.decode().split()
    if word == "join":
        members.add(name)
    elif word == "leave":
        members.discard(name)
    server.sendto(" ".join(sorted(members)).encode(), peer)
