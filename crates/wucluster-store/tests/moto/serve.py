"""moto's S3 and EC2 on a free port of this machine; tells the port, and ends when its standard input does.

It answers one request at a time. moto looks whether an object is there and then makes it, without a lock between: two
who ask at once can both be told that they made it. S3 promises that one of them is; here the lock does.
"""

import logging
import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def answer(environ, start_response):
    with one_at_a_time:
        return moto(environ, start_response)


def end_with_input():
    sys.stdin.read()
    os._exit(0)


server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=MotoRequestHandler)
print(server.port, flush=True)
threading.Thread(target=end_with_input, daemon=True).start()
server.serve_forever()
