"""Answers each request, a number, with its double. One datagram for each."""
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    request, peer = server.recvfrom(1024)
    server.sendto(b"%d" % (2 * int(request)), peer)
