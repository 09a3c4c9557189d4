"""Asks for the doubles of a few numbers, each again after a while without an answer. Its requests have no ids, so it takes
whatever comes next for the answer: that is the bug."""
import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", int(sys.argv[1])))
client.settimeout(0.3)
for number in range(1, 6):
    for _ in range(20):
        client.send(b"%d" % number)
        try:
            answer = client.recv(1024)
            break
        except TimeoutError:
            pass
    else:
        sys.exit(0)  # Nobody is there: that is no bug.
    if int(answer) != 2 * number:
        sys.exit(f"the double of {number} is not {answer.decode()}")
