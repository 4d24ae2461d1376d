"""A mail server that keeps what it gets, speaks TLS from the start or by STARTTLS, and fails as its recipient says."""

import base64
import email
import email.policy
import re
import socket
import threading

USER, PASSWORD = "aura", "a password of the relay"


class MailSink:
    """`mails` are (sender, recipient, bytes), in the order taken. The local part of the recipient chooses:

    refused-550 and its like answer that code to RCPT, late-550 after the data; drop-data breaks the connection at DATA,
    drop-end after the mail was taken and before the word of it; slow is answered after `late_seconds`.
    """

    def __init__(self, context, starts_tls=False, offers_tls=True):
        self.mails = []
        self.connections = 0
        self.commands = []
        self.late_seconds = 60
        self._context = context
        self._starts_tls = starts_tls
        self._offers_tls = offers_tls
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def url(self, name="localhost"):
        return f"{'smtp' if self._starts_tls else 'smtps'}://{name}:{self.port}"

    def parsed(self):
        return [email.message_from_bytes(data, policy=email.policy.default) for _, _, data in self.mails]

    def stop(self):
        self._stopping.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self._thread.join(5)

    def _listen(self):
        while not self._stopping.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        plain.settimeout(60)
        self.connections += 1
        connection = plain
        try:
            if not self._starts_tls:
                connection = self._context.wrap_socket(plain, server_side=True)
            self._talk(connection)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _talk(self, connection):
        lines = connection.makefile("rb")

        def say(text):
            connection.sendall(text.encode() + b"\r\n")

        is_encrypted, is_known, sender, recipient = not self._starts_tls, False, None, None
        say("220 sink.example ESMTP")
        while True:
            line = lines.readline().decode("ascii").rstrip("\r\n")
            if not line:
                return
            self.commands.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                say("250-sink.example")
                if not is_encrypted and self._offers_tls:
                    say("250-STARTTLS")
                say("250-AUTH PLAIN LOGIN" if is_encrypted else "250-SIZE 1000000")
                say("250 8BITMIME")
            elif verb == "STARTTLS":
                say("220 go ahead")
                connection = self._context.wrap_socket(connection, server_side=True)
                lines, is_encrypted = connection.makefile("rb"), True
            elif verb == "AUTH":
                words = line.split(" ")
                if len(words) < 3:
                    say("334 ")
                    words.append(lines.readline().decode().strip())
                is_known = base64.b64decode(words[2]) == f"\0{USER}\0{PASSWORD}".encode()
                say("235 welcome" if is_known else "535 5.7.8 wrong user or password")
            elif verb in ("MAIL", "RCPT", "DATA") and not is_known:
                say("530 5.7.0 sign in first")
            elif verb == "MAIL":
                sender = address(line)
                say("250 ok")
            elif verb == "RCPT":
                recipient = address(line)
                code = re.match(r"refused-(\d+)@", recipient)
                say(f"{code[1]} no" if code else "250 ok")
            elif verb == "DATA":
                if recipient.startswith("drop-data@"):
                    return
                say("354 go on")
                data = b""
                while (piece := lines.readline()) != b".\r\n":
                    if not piece:
                        return
                    data += piece[1:] if piece.startswith(b".") else piece
                code = re.match(r"late-(\d+)@", recipient)
                if code:
                    say(f"{code[1]} on second thoughts, no")
                    continue
                with self._changed:
                    self.mails.append((sender, recipient, data))
                if recipient.startswith("drop-end@"):
                    return
                if recipient.startswith("slow@"):
                    self._stopping.wait(self.late_seconds)
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok" if verb in ("RSET", "NOOP") else "502 what?")


def address(line):
    return re.search(r"<([^<>]*)>", line)[1]
