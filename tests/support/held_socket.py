# SPDX-License-Identifier: Apache-2.0
# held_socket.py PORT PID-FILE PROGRAM ARGUMENT...: what a systemd.socket unit does. Holds the listening socket, starts
# the program with it (sd_listen_fds(3)), and again whenever it has ended, until it is told to end itself (SIGTERM).
import os
import signal
import socket
import sys

port, pid_file, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
listener = socket.create_server(("127.0.0.1", port), backlog=1024)
child = 0


def become_program():
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)  # dup2() to itself leaves it as it was
    os.execvpe(command[0], command, {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()),
                                     "LISTEN_FDNAMES": "privyseald.socket"})


def end(*_):
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
while True:
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        become_program()
    with open(pid_file, "w") as file:
        print(child, file=file)
    os.waitpid(child, 0)
