"""Whether an address can be listened on, asked before anything is made or loaded."""

import errno
import socket


def listening_fault(host: str, port: int) -> str | None:
    """Why the service cannot listen there and what to do, in one line; None if it can."""
    try:
        kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, OverflowError, UnicodeError):
        return f"{host} leads to no address. Use --host 127.0.0.1, or --host 0.0.0.0 for all of this machine."
    with socket.socket(kind, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            trial.bind(address)
        except OSError as error:
            return _advice(host, port, error)
    return None


def _advice(host: str, port: int, error: OSError) -> str:
    other = port + 1 if 1024 <= port < 65_535 else 8000
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is taken, perhaps by another start of this service. Stop that one, or use"
            f" --port {other} (make run PORT={other})."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is not for this user. Use --port {other} (make run PORT={other}), with a proxy in front."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"This machine has no address {host}. Use --host 127.0.0.1, or --host 0.0.0.0 for all that it has."
    return f"{host}:{port} cannot be listened on: {error.strerror}."
