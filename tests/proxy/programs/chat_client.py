"""Two members: one joins and leaves, the other asks who is there until it is alone, for half a second."""
import socket
import sys
import time


def member(port):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))
    client.settimeout(0.15)
    return client


def ask(client, message, wanted, patience):
    """Sends a message until the answer is the wanted one."""
    until = time.monotonic() + patience
    answer = None
    while time.monotonic() < until:
        client.send(message)
        try:
            answer = client.recv(1024).decode().split()
            if wanted(answer):
                return answer
            time.sleep(0.02)
        except TimeoutError:
            pass
    return answer


anna, bert = member(int(sys.argv[1])), member(int(sys.argv[1]))
ask(anna, b"join anna", lambda members: "anna" in members, 2)
ask(bert, b"join bert", lambda members: "bert" in members, 2)
anna.send(b"leave anna")
members = ask(bert, b"who bert", lambda members: members == ["bert"], 0.5)
if members and "anna" in members:
    sys.exit("anna has left, and is still a member")
