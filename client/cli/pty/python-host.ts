/**
 * Runs a command on a pseudo-terminal: `python3 -c <this> rows columns command …`. Standard input and output are the terminal's; over file
 * descriptor 3 it tells the command's process id and hears new sizes. It ends as the command ends, by the same code or the same signal.
 */
export const PYTHON_HOST = String.raw`
import errno, fcntl, os, pty, resource, select, signal, struct, sys, termios, time

CONTROL = 3
rows, columns, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
by_hand = os.isatty(0)

def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

def write_out(output):
    while output:
        output = output[os.write(1, output):]

def end_of_input(last):
    # As Ctrl-D does, and only where the command reads by lines: elsewhere it would be a key.
    mode = termios.tcgetattr(master)
    return mode[6][termios.VEOF] * (1 if last == b"\n" else 2) if mode[3] & termios.ICANON else b""

is_set_up, set_up = os.pipe()
pid, master = pty.fork()
if pid == 0:
    os.close(CONTROL)
    resize(0, rows, columns)
    if not by_hand:
        # What is piped in was typed by nobody, and is not shown twice.
        mode = termios.tcgetattr(0)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSANOW, mode)
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.write(set_up, b".")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os._exit(127 if error.errno == errno.ENOENT else 126)

# Nothing is typed into a terminal that would still echo it.
os.read(is_set_up, 1)
os.write(CONTROL, b"%d\n" % pid)
os.set_blocking(master, False)
sources, waiting, last, heard, status, quiet_since = [0, CONTROL], b"", b"\n", b"", None, None

while True:
    reading = [master] + [fd for fd in sources if fd != 0 or len(waiting) < 65536]
    ready, writable, _ = select.select(reading, [master] if waiting else [], [], 0.1)
    if 0 in ready:
        try:
            keys = os.read(0, 65536)
        except OSError:
            keys = b""
        if keys:
            last = keys[-1:]
        else:
            sources.remove(0)
        waiting += keys or end_of_input(last)
    if CONTROL in ready:
        news = os.read(CONTROL, 4096)
        if not news:
            # Whoever started this is gone: hang up.
            os._exit(1)
        *lines, heard = (heard + news).split(b"\n")
        for line in lines:
            resize(master, *map(int, line.split()))
    if writable:
        try:
            waiting = waiting[os.write(master, waiting):]
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                waiting = b""
    if status is None:
        ended, code = os.waitpid(pid, os.WNOHANG)
        status = code if ended == pid else None
    if master in ready:
        try:
            output = os.read(master, 65536)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                continue
            # The last one that had the terminal has closed it.
            break
        try:
            write_out(output)
        except OSError:
            # Nobody reads any more: hang up.
            os.close(master)
            break
        if not output:
            break
        quiet_since = None
    elif status is not None:
        # What the command left behind keeps the terminal open.
        quiet_since = quiet_since or time.monotonic()
        if time.monotonic() - quiet_since > 0.5:
            break

if status is None:
    status = os.waitpid(pid, 0)[1]
if os.WIFSIGNALED(status):
    number = os.WTERMSIG(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
os._exit(os.WEXITSTATUS(status))
`;
